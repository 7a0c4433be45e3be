/** State of the fake node: links, addresses, routes and rules as the kernel would keep them. */
import { kernelRoutesOf } from '@plumbline/l3-core';

export type FakeAddress = { address: string; broadcast: string | null };
export type FakeLink = {
  name: string;
  index: number;
  mac: string;
  mtuBytes: number;
  up: boolean;
  /** Without the link-local one, which the kernel gives when the link comes up. */
  addresses: FakeAddress[];
  linkLocal: FakeAddress | null;
  peer: FakeLink | null;
};
export type FakeHop = { via: string | null; device: string };
export type FakeRoute = { destination: string; hops: FakeHop[]; protocol: string };
export type FakeKernelRoute = { destination: string; device: string; type: string; source: string | null };

export const allAddresses = ({ addresses, linkLocal }: FakeLink): FakeAddress[] =>
  linkLocal ? [...addresses, linkLocal] : addresses;

/** Makes the routes of a device that came up or got an address: what is there already stays. */
export function makeKernelRoutes(netns: FakeNetns, link: FakeLink): void {
  if (!link.up) return;
  for (const { type, destination, device, source } of kernelRoutesOf({
    ...link,
    device: link.name,
    addresses: allAddresses(link),
  }))
    if (
      !netns.kernelRoutes.some(
        (each) => each.type === type && each.destination === destination && each.device === device,
      )
    )
      netns.kernelRoutes.push({ destination, device, type, source });
}

/** Takes away those of an address that is gone, and makes those that another address of its prefix needs instead. */
export function dropKernelRoutes(netns: FakeNetns, link: FakeLink, gone: FakeAddress): void {
  const text = ({ type, destination, source }: { type: string; destination: string; source: string | null }): string =>
    `${type} ${destination} ${source}`;
  const of = (addresses: FakeAddress[]): Set<string> =>
    new Set(kernelRoutesOf({ ...link, device: link.name, addresses }).map(text));
  const left = of(allAddresses(link));
  const lost = of([gone]);
  netns.kernelRoutes = netns.kernelRoutes.filter(
    (route) => route.device !== link.name || !lost.has(text(route)) || left.has(text(route)),
  );
  makeKernelRoutes(netns, link);
}

/** Table -> chain -> rules. */
export type FakeTables = Map<string, Map<string, string[]>>;

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
};

export class FakeNetns {
  readonly links = new Map<string, FakeLink>();
  /** Those that somebody wrote, and those that the kernel makes for addresses and links. */
  routes: FakeRoute[] = [];
  kernelRoutes: FakeKernelRoute[] = [];
  rules4: FakeTables = new Map();
  rules6: FakeTables = new Map();
  private changes = 1;
  private seen = this.rulesText();

  /** Transactions of the packet filter so far. Who changed rules by hand since the last time made one. */
  transactions(): number {
    if (this.rulesText() !== this.seen) this.changes += 1;
    this.seen = this.rulesText();
    return this.changes;
  }

  /** Restores the rules of a version: a transaction for each table of the input. */
  restore(version: 4 | 6, input: string): void {
    this.transactions();
    if (version === 4) this.rules4 = restore(this.rules4, input);
    else this.rules6 = restore(this.rules6, input);
    this.changes += input.match(/^\*/gm)?.length ?? 0;
    this.seen = this.rulesText();
  }

  private rulesText(): string {
    return save(this.rules4) + save(this.rules6);
  }
}

/** What a command that failed says; `line` of a batch, counted from 1. */
export class FakeFailure extends Error {
  constructor(
    message: string,
    readonly line?: number,
  ) {
    super(message);
  }
}

/** iptables-restore --noflush: each table is committed whole or not at all. Returns the tables after it. */
export function restore(before: FakeTables, input: string): FakeTables {
  const tables: FakeTables = new Map(before);
  let table: Map<string, string[]> | null = null;
  let name = '';
  for (const [index, line] of input.split('\n').entries()) {
    if (line === '') continue;
    const fail = (why: string): never => {
      throw new FakeFailure(`iptables-restore: line ${index + 1} failed (${why})`, index + 1);
    };
    if (line.startsWith('*')) {
      name = line.slice(1);
      const chains = BUILT_IN[name] ?? fail('no such table');
      const was = tables.get(name) ?? new Map(chains.map((chain) => [chain, []]));
      table = new Map([...was].map(([chain, rules]) => [chain, [...rules]]));
    } else if (!table) fail('no table');
    else if (line === 'COMMIT') {
      tables.set(name, table);
      table = null;
    } else if (line.startsWith(':')) {
      const chain = line.slice(1, line.indexOf(' '));
      table.set(chain, []);
    } else edit(table, line, fail);
  }
  if (table) throw new FakeFailure('iptables-restore: COMMIT expected');
  return tables;
}

function edit(table: Map<string, string[]>, line: string, fail: (why: string) => never): void {
  const [verb = '', chain = ''] = line.split(' ');
  const rest = line.slice(verb.length + chain.length + 2);
  const rules = table.get(chain) ?? fail(`no chain ${chain}`);
  const target = /-j (neutron-\S+)$/.exec(rest)?.[1];
  if (target && verb !== '-D' && !table.has(target)) fail(`no chain ${target}`);
  switch (verb) {
    case '-A':
      rules.push(rest);
      return;
    case '-I': {
      const at = Number(rest.slice(0, rest.indexOf(' ')));
      if (!(at >= 1 && at <= rules.length + 1)) fail('index too big');
      rules.splice(at - 1, 0, rest.slice(rest.indexOf(' ') + 1));
      return;
    }
    case '-D': {
      const at = rules.indexOf(rest);
      if (at < 0) fail('no such rule');
      rules.splice(at, 1);
      return;
    }
    case '-X':
      if (rules.length > 0) fail('chain is not empty');
      if ([...table.values()].some((others) => others.some((rule) => rule.endsWith(`-j ${chain}`))))
        fail('chain is used');
      table.delete(chain);
      return;
    default:
      fail(`unknown ${verb}`);
  }
}

/** iptables-save: built-in chains first, then others by name. */
export function save(tables: FakeTables): string {
  const lines: string[] = ['# Generated by iptables-save'];
  for (const [name, chains] of tables) {
    const builtIn = BUILT_IN[name] ?? [];
    const others = [...chains.keys()].filter((chain) => !builtIn.includes(chain)).sort();
    const order = [...builtIn, ...others];
    lines.push(`*${name}`, ...order.map((chain) => `:${chain} ${builtIn.includes(chain) ? 'ACCEPT' : '-'} [0:0]`));
    for (const chain of order) lines.push(...(chains.get(chain) ?? []).map((rule) => `-A ${chain} ${rule}`));
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}
