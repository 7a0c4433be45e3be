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
