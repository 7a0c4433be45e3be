import { firewallWalk } from './testing/firewall-walk.js';

firewallWalk(['hybrid', 'openflow', 'hybrid'], 8);
