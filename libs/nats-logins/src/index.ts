export { ALWAYS_NAMED, isGoodFor, newAuthority, newServerCertificate, type KeyAndCertificate } from './certificates.js';
export {
  apiPermissions,
  loginBlock,
  natsConfiguration,
  newNkeyPair,
  nodePermissions,
  type NatsLogin,
  type NkeyPair,
  type Permissions,
} from './nats-logins.js';
