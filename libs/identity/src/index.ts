/** Users, projects and roles in a file, and how their passwords are kept: what the API and `plumb user` both know. */
export * from './clouds-yaml.js';
export * from './editing.js';
export * from './identity-file.js';
export * from './login.js';
export * from './password.js';
export * from './roles.js';
export * from './token-key.js';
