/** The log's own declarations, made ready. */
import type { AnyObject } from '@plumbline/contracts';
import { modelOf } from '../model.js';
import { DECLARATIONS } from './index.js';

export const MODEL = modelOf<AnyObject>(DECLARATIONS);
