/**
 * The state of a node's bridges after steps: their meaning, written without iptables. The printing driver shows by it what would follow, specs that plans converge.
 */
import type { IpVersion } from '@plumbline/iptables';
import type { FilterStep, FoundFilter } from './driver.js';

type Tables = Map<string, Map<string, readonly string[]>>;

export function afterFilterSteps(found: FoundFilter, steps: readonly FilterStep[]): FoundFilter {
  const bridged = { ...found.bridged };
  const sets = new Map(found.sets);
  const copy = (version: IpVersion): Tables =>
    new Map([...found.tables[version]].map(([name, chains]) => [name, new Map(chains)]));
  const tables = { 4: copy(4), 6: copy(6) };
  for (const step of steps) {
    if (step.op === 'show-bridged') bridged[step.version] = true;
    else if (step.op === 'set') {
      const kept = [...(sets.get(step.name) ?? [])].filter((entry) => !step.remove.includes(entry));
      sets.set(step.name, new Set([...kept, ...step.add]));
    } else if (step.op === 'drop-set') sets.delete(step.name);
    else {
      const chains = tables[step.version].get(step.table) ?? new Map<string, readonly string[]>();
      tables[step.version].set(step.table, chains);
      inTable(chains, step);
    }
  }
  return { ...found, bridged, sets, tables };
}

function inTable(chains: Map<string, readonly string[]>, step: Extract<FilterStep, { table: string }>): void {
  const { chain } = step;
  const have = chains.get(chain) ?? [];
  switch (step.op) {
    case 'hang': {
      const jump = `-j ${chain}`;
      chains.set(step.hook, [jump, ...(chains.get(step.hook) ?? []).filter((line) => line !== jump)]);
      chains.set(chain, have);
      return;
    }
    case 'chain':
      chains.set(chain, step.lines);
      return;
    case 'add-line':
      chains.set(chain, [...have, step.line]);
      return;
    case 'drop-line': {
      const at = have.indexOf(step.line);
      chains.set(chain, at < 0 ? have : have.toSpliced(at, 1));
      return;
    }
    case 'drop-chain':
      chains.delete(chain);
  }
}
