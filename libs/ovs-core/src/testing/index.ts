export { idOf, macOf, ViewBuilder } from './view.js';
