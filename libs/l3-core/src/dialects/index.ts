/** The dialect that all nodes use. If nodes can have different ones, this becomes a property of the node. */
import { Dialect } from './dialect.js';
import { iptables } from './iptables.js';

export const dialect: Dialect = iptables;
