/** The port between planning and the machine. @plumbline/metadata-driver implements it on a real node. */
import type { Found, ProcessIdentity, SupervisionStep } from '@plumbline/processes';

/** What is on a node of the proxy. */
export type MetadataFound = Readonly<{
  /** Name -> number, of those asked for that are there. */
  namespaces: ReadonlyMap<string, number>;
  processes: Found;
  /** The proxy's file as it is; empty without it. */
  config: string;
  /** The digest of the file that a running proxy goes by (`digestIn`); null where none answers. */
  loaded: string | null;
}>;

export type MetadataStep =
  | SupervisionStep
  /** Tells a running proxy to read the files that are there. */
  | Readonly<{ op: 'reread'; process: ProcessIdentity }>;

export interface MetadataDriver {
  /** The proxy, its file, and these namespaces as far as they are there. Changes nothing. */
  observe(namespaces: readonly string[]): Promise<MetadataFound>;
  /** Makes these steps, of one stage, true, in order; those that start or tell a proxy are done when it goes by its file. */
  apply(steps: readonly MetadataStep[]): Promise<void>;
}
