/**
 * Users, logins and tokens, in three parts. Two entry points, because the command line needs no database and serves no HTTP:
 *
 *   file/             `@plumbline/identity`: users, projects and roles in a file, passwords, the token key, clouds.yaml
 *   client/           `@plumbline/identity`: gets a token for our own programs, as any client does
 *   login/            `@plumbline/identity/login`: from a token to a user, a project and a role, in the three ways an operator may choose
 *     login-config.ts   which way (PLUMB_AUTH)
 *     none.ts           nobody has to log in
 *     builtin/          users of the file; Identity v3 (`/v3`), tokens, revocations, application credentials
 *     keystone/         the operator's own Keystone checks tokens
 *
 * What the API process adds is wiring, in apps/api/src/identity: the gate in front of every route, and the controller of `/v3`.
 */
export * from './client/log-in.js';
export * from './file/clouds-yaml.js';
export * from './file/editing.js';
export * from './file/identity-file.js';
export * from './file/password.js';
export * from './file/roles.js';
export * from './file/token-key.js';
