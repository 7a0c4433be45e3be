/** An object of one kind, and what an event or a command makes of one. */
import type { AnyObject, Kind } from '@plumbline/contracts';
import type { Change as ChangeOf } from './object-index.js';

export type OfKind<K extends Kind> = Extract<AnyObject, { kind: K }>;
export type Change = ChangeOf<AnyObject>;
