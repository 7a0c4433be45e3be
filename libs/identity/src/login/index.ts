/** How the API process finds out who sends a request. The parts are listed in ../index.ts. */
export { ApplicationCredentials } from './builtin/application-credentials.js';
export { BuiltinIdentity } from './builtin/builtin-identity.js';
export { Directory } from './builtin/directory.js';
export { CREDENTIAL_ENTITIES, CredentialEntity, RevocationEntity } from './builtin/entities.js';
export { IdentityApi } from './builtin/identity-api.js';
export { Revocations } from './builtin/revocations.js';
export type { IdentityAnswer, IdentityRequest } from './builtin/routes.js';
export { signToken, verifyToken } from './builtin/tokens.js';
export type { Authenticator, Caller, Identity } from './caller.js';
export { IdentityError, type IdentityErrorKind, notAuthorized } from './identity-error.js';
export { KeystoneAuthenticator } from './keystone/keystone.js';
export {
  LOGIN_ENVIRONMENT,
  type BuiltinConfig,
  type LoginConfig,
  loginConfigOf,
  loginProblems,
  unreadable,
  wholeNumber,
} from './login-config.js';
export { ANONYMOUS, openToAll } from './none.js';
