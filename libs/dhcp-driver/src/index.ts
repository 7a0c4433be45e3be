export { NodeDhcpDriver, type NodeDhcpOptions } from './node-driver.js';
export { leasesIn } from './leases.js';
