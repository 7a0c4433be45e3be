export { BuiltinBackend } from './builtin.js';
export { InstanceKeeper, type Asks, type KeeperOptions } from './instance-keeper.js';
export { Limits, type Rate } from './limits.js';
export { NodeMetadataDriver } from './node-driver.js';
export { NovaBackend, signatureOf, type NovaOptions } from './nova.js';
export { MetadataService, type AskingPort, type Backend, type Question, type ServiceOptions } from './service.js';
