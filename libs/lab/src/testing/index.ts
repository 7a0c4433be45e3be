export { hostPicture } from './host-picture.js';
