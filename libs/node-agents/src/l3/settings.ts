import { metadataSettings } from '../metadata-settings.js';
import { switchSettings } from '../switch-settings.js';

export const l3Settings = { ...switchSettings, ...metadataSettings };
