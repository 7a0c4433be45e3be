/** An agent's programs on a real node, as l3-core looks at them (radvd.ts). */
import type { Runner } from '@plumbline/exec';
import {
  ADVERTISER_CONFIG,
  netnsOf,
  prefixesIn,
  routerOfProgram,
  type FoundPrograms,
  type ProgramTerms,
} from '@plumbline/l3-core';
import { anew, strayed, type Found, type Processes } from '@plumbline/processes';

/** The agent's processes, with the terms that they were made with. */
export type Programs = ProgramTerms & Readonly<{ processes: Processes }>;

const NONE: Found = { processes: [], folders: new Map() };

/** What programs are there for, found by their folders or running without one. Does not reject: what cannot be seen is reported by a look. */
export async function unitsOfPrograms({ processes }: Programs): Promise<readonly string[]> {
  try {
    const { processes: running, folders } = await processes.observe();
    return [...running.map(({ name }) => name), ...folders.keys()].map(routerOfProgram);
  } catch {
    return processes.names().map(routerOfProgram);
  }
}

/**
 * Of these routers; what is found of others may be among it. Routers without programs cost a look at a folder, unless `some` are known to have any. Changes nothing, and
 * does not reject: what cannot be seen is one of several things on the node.
 */
export async function observePrograms(
  runner: Pick<Runner, 'run'>,
  { processes, ...terms }: Programs,
  routers: ReadonlySet<string>,
  some: boolean,
): Promise<FoundPrograms> {
  try {
    const isAsked = (name: string): boolean => routers.has(routerOfProgram(name));
    const names = processes.names().filter(isAsked);
    const all = names.length === 0 && !some ? NONE : await processes.observe();
    const stray = await strayed(runner, all, (name) => {
      const router = routerOfProgram(name);
      return router !== name && isAsked(name) ? netnsOf(router) : null;
    });
    const prefixes = new Map(
      names.map((name) => [name, prefixesIn(processes.fileOf(name, ADVERTISER_CONFIG) ?? '')] as const),
    );
    return { ...terms, found: anew(all, stray), prefixes, unseen: null };
  } catch (error) {
    const unseen = error instanceof Error ? error.message : String(error);
    return { ...terms, found: NONE, prefixes: new Map(), unseen };
  }
}
