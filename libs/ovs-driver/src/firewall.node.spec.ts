import { firewallSuite } from './testing/firewall-suite.js';

firewallSuite('openflow');
