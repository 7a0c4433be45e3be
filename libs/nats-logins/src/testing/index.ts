export { tryOnNats, type Verdict } from './try-on-nats.js';
