/** A declaration of one of the log's own kinds: its stream is named by what its objects and the data of its events both have. */
import type { AnyObject, EventOfKind, Kind } from '@plumbline/contracts';
import type { Declaration } from './declaration.js';

export type KindDeclaration<K extends Kind> = Declaration<AnyObject, K, EventOfKind<K>['data']>;

/** Text of a client's choice as one part of a claim: it holds no slash. */
export const claimPart = (text: string): string => (/^[\w-]*$/.test(text) ? text : encodeURIComponent(text));
