/**
 * The bridges of a node's instances, really: iptables-save and ipset(8) read, iptables-restore and ipset restore write, ip(8) shows the devices.
 *
 * Goals: one commit for each IP version, however many chains; a tool that is not installed is a node without its rules, until there is something to write.
 */
import { readFile } from 'node:fs/promises';
import { CommandFailed, type Runner, type RunOptions } from '@plumbline/exec';
import { type IpVersion, RESTORE, SAVE, type SavedTables, tablesIn, unreadableIn } from '@plumbline/iptables';
import {
  comparable,
  type FilterDriver,
  type FilterStep,
  type FoundFilter,
  type FoundLink,
  isOurSet,
  protocolNames,
} from '@plumbline/ovs-core';

const VERSIONS: readonly IpVersion[] = [4, 6];
/** Whether the kernel shows bridged packets to iptables. */
export const SHOWN: Readonly<Record<IpVersion, string>> = {
  4: 'net/bridge/bridge-nf-call-iptables',
  6: 'net/bridge/bridge-nf-call-ip6tables',
};
const FAMILY: Readonly<Record<IpVersion, string>> = { 4: 'inet', 6: 'inet6' };
/** More than the kernel's own 65,536: a set that is full refuses members. */
const MOST_ENTRIES = 1_048_576;

/** What we read of `ip -j link show`. */
type IpLink = { ifname: string; link?: string; master?: string; flags?: string[] };

export class BridgeDriver implements FilterDriver {
  private names: Promise<ReadonlyMap<string, number>> | null = null;
  private readonly where: Pick<RunOptions, 'netns'>;

  /** `netns`: where the bridges are; absent: where the agent runs. */
  constructor(
    private readonly runner: Runner,
    options: Readonly<{ netns?: string }> = {},
  ) {
    this.where = options.netns === undefined ? {} : { netns: options.netns };
  }

  async observe(): Promise<FoundFilter> {
    const [names, saved4, saved6, sets, links, shown] = await Promise.all([
      this.protocols(),
      this.read(SAVE[4]),
      this.read(SAVE[6]),
      this.read(['ipset', 'save']),
      this.read(['ip', '-j', 'link', 'show']),
      this.runner.readSysctls(Object.values(SHOWN), this.where),
    ]);
    return {
      bridged: { 4: shown.get(SHOWN[4]) === '1', 6: shown.get(SHOWN[6]) === '1' },
      tables: { 4: this.tables(saved4 ?? '', names), 6: this.tables(saved6 ?? '', names) },
      unreadable: VERSIONS.flatMap((version) => {
        const saved = version === 4 ? saved4 : saved6;
        return (saved === null ? ['filter'] : unreadableIn(saved)).map((table) => ({ version, table }));
      }),
      sets: setsIn(sets ?? '', names),
      links: linksIn(links ?? ''),
    };
  }

  async apply(steps: readonly FilterStep[]): Promise<void> {
    const sysctls: Record<string, string> = {};
    const sets: string[] = [];
    const dropped: string[] = [];
    for (const step of steps) {
      if (step.op === 'show-bridged') sysctls[SHOWN[step.version]] = '1';
      else if (step.op === 'set') sets.push(...setLines(step));
      else if (step.op === 'drop-set') dropped.push(`destroy ${step.name}`);
    }
    if (Object.keys(sysctls).length > 0) await this.runner.writeSysctls(sysctls, this.where);
    await this.write(['ipset', 'restore'], sets);
    for (const version of VERSIONS) await this.restore(version, steps);
    await this.write(['ipset', 'restore'], dropped);
  }

  /** Of a batch that was refused a part may be done, since each table is a commit of its own: what is done is not asked for again. */
  private async restore(version: IpVersion, steps: readonly FilterStep[]): Promise<void> {
    try {
      await this.write(RESTORE[version], restoreLines(steps, version));
    } catch (error) {
      const now = this.tables((await this.read(SAVE[version])) ?? '', await this.protocols());
      const left = steps.filter((step) => !('line' in step) || step.version !== version || !isDone(step, now));
      if (left.length === steps.length) throw error;
      await this.write(RESTORE[version], restoreLines(left, version));
    }
  }

  private protocols(): Promise<ReadonlyMap<string, number>> {
    this.names ??= readFile('/etc/protocols', 'utf8').then(protocolNames, () => protocolNames(''));
    return this.names;
  }

  private tables(saved: string, names: ReadonlyMap<string, number>): SavedTables {
    return new Map(
      [...tablesIn(saved)].map(([table, chains]) => [
        table,
        new Map([...chains].map(([chain, lines]) => [chain, lines.map((line) => comparable(line, names))])),
      ]),
    );
  }

  private async write(argv: readonly string[], lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.runner.run(argv, { ...this.where, stdin: `${lines.join('\n')}\n` });
  }

  /** Null: the command refused; nothing: it is not installed. */
  private async read(argv: readonly string[]): Promise<string | null> {
    try {
      return (await this.runner.run(argv, { ...this.where, reads: true })).stdout;
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      if (error.reason === 'not-started') return '';
      if (error.reason === 'exit') return null;
      throw error;
    }
  }
}

const isDone = (step: Extract<FilterStep, { line: string }>, tables: SavedTables): boolean =>
  (tables.get(step.table)?.get(step.chain)?.includes(step.line) ?? false) === (step.op === 'add-line');

/** Removals first: the entries of a set may overlap, but none is added and removed. */
const setLines = ({ name, version, add, remove }: Extract<FilterStep, { op: 'set' }>): string[] => [
  `create -exist ${name} hash:net family ${FAMILY[version]} maxelem ${MOST_ENTRIES}`,
  ...remove.map((entry) => `del -exist ${name} ${entry}`),
  ...add.map((entry) => `add -exist ${name} ${entry}`),
];

/** Table by table: chains that are written anew are emptied first, and those that go are deleted last. */
function restoreLines(steps: readonly FilterStep[], version: IpVersion): string[] {
  const tables = new Map<string, { declare: string[]; change: string[]; drop: string[] }>();
  for (const step of steps) {
    if (!('table' in step) || step.version !== version) continue;
    const of = tables.get(step.table) ?? { declare: [], change: [], drop: [] };
    tables.set(step.table, of);
    const { chain } = step;
    switch (step.op) {
      case 'hang':
        if (step.declare) of.declare.push(`:${chain} - [0:0]`);
        for (let n = 0; n < step.jumps; n += 1) of.change.push(`-D ${step.hook} -j ${chain}`);
        of.change.push(`-I ${step.hook} 1 -j ${chain}`);
        break;
      case 'chain':
        of.declare.push(`:${chain} - [0:0]`);
        of.change.push(...step.lines.map((line) => `-A ${chain} ${line}`));
        break;
      case 'add-line':
        of.change.push(`-A ${chain} ${step.line}`);
        break;
      case 'drop-line':
        of.change.push(`-D ${chain} ${step.line}`);
        break;
      case 'drop-chain':
        of.declare.push(`:${chain} - [0:0]`);
        of.drop.push(`-X ${chain}`);
    }
  }
  return [...tables].flatMap(([table, { declare, change, drop }]) => [
    `*${table}`,
    ...declare,
    ...change,
    ...drop,
    'COMMIT',
  ]);
}

function setsIn(saved: string, names: ReadonlyMap<string, number>): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const line of saved.split('\n')) {
    const [what, name = '', entry = ''] = line.split(' ');
    if (!isOurSet(name)) continue;
    if (what === 'create') sets.set(name, new Set());
    else if (what === 'add') sets.get(name)?.add(comparable(entry, names));
  }
  return sets;
}

const linksIn = (text: string): Map<string, FoundLink> =>
  new Map(
    (text === '' ? [] : (JSON.parse(text) as IpLink[])).map(({ ifname, link, master, flags = [] }) => [
      ifname,
      { peer: link ?? null, master: master ?? null, up: flags.includes('UP') },
    ]),
  );
