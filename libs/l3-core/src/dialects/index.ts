/** The dialect that nodes are spoken to in. Where a node may have another one, this becomes a property of the node. */
import { Dialect } from './dialect.js';
import { iptables } from './iptables.js';

export const dialect: Dialect = iptables;
