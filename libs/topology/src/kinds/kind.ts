/** A declaration of one of the log's own kinds: its stream is named by what its objects and the data of its events both have. */
import type { AnyObject, EventOfKind, Kind } from '@plumbline/contracts';
import type { Declaration } from './declaration.js';

export type KindDeclaration<K extends Kind> = Declaration<AnyObject, K, EventOfKind<K>['data']>;

/** A client's text as one part of a claim: contains no slash. */
export const claimPart = (text: string): string => (/^[\w-]*$/.test(text) ? text : encodeURIComponent(text));
