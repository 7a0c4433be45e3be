export { DhcpNode, Guest, until, type Told } from './dhcp-node.js';
