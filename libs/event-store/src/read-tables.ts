/**
 * Read table of each object kind, in schema `plumbline`, as the kinds declare (`libs/topology/src/kinds`). A kind that is not here (one that is derived) has no
 * partition, and a row of it is refused before it is sent.
 */
import { declarationOf, isWritten, MODEL } from '@plumbline/topology';

export const readTables: Readonly<Record<string, string>> = Object.fromEntries(
  MODEL.kinds.flatMap((kind) => {
    const declaration = declarationOf(MODEL, kind);
    return isWritten(declaration) ? [[kind, declaration.table]] : [];
  }),
);
