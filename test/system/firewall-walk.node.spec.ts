import { firewallWalk } from './testing/firewall-walk.js';

firewallWalk(['openflow', 'openflow', 'openflow'], 10);
