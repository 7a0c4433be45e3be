/**
 * A node in canonical form: what is on it, without counters, ages and arbitrary numbers. Two pictures are equal when the nodes are (invariant 5).
 *
 * Names instead of ofports and ifindexes; rules without counters; flows without statistics and without those that the switch learned by itself.
 */
import { z } from 'zod';
import type { TestLab } from './test-lab.js';

const learned = 'cookie=0x504c8';
const Links = z.array(
  z.object({
    ifname: z.string(),
    address: z.string().optional(),
    mtu: z.number(),
    flags: z.array(z.string()),
    addr_info: z.array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number(), scope: z.string() })),
  }),
);

/** What one network namespace holds, as sorted lines (rules in their own order). */
export interface NamespacePicture {
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly rules: readonly string[];
  readonly rules6: readonly string[];
  /** Command lines of what runs in it, and the files that they name. */
  readonly programs: readonly string[];
}

/** Namespaces of routers and of DHCP by name, and the switch as sorted lines. */
export interface NodePicture {
  readonly routers: Readonly<Record<string, NamespacePicture>>;
  readonly networks: Readonly<Record<string, NamespacePicture>>;
  readonly ports: readonly string[];
  readonly flows: Readonly<Record<string, readonly string[]>>;
}

export async function nodePicture(lab: TestLab, host: string): Promise<NodePicture> {
  const names = (await lab.text(host, ['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
  const having = (prefix: string): string[] => names.filter((name) => name.startsWith(prefix)).sort();
  const routers: Record<string, NamespacePicture> = {};
  for (const name of having('qrouter-')) routers[name] = await namespacePicture(lab, host, name);
  const networks: Record<string, NamespacePicture> = {};
  for (const name of having('qdhcp-')) networks[name] = await namespacePicture(lab, host, name);
  const bridges = lines(await lab.text(host, ['ovs-vsctl', 'list-br'])).sort();
  const flows: Record<string, readonly string[]> = {};
  const known: string[] = [];
  for (const bridge of bridges) {
    known.push(...(await openFlowPorts(lab, host, bridge)));
    const dump = await lab.text(host, ['ovs-ofctl', '--no-stats', '--names', 'dump-flows', bridge]);
    flows[bridge] = lines(dump)
      .map((line) => line.trim())
      .filter((line) => !line.startsWith(learned))
      .sort();
  }
  return { routers, networks, ports: [...(await ports(lab, host)), ...known.sort()], flows };
}

/** What the switch itself has as ports of the bridge, which the database's rows alone do not tell: a flow shows a port's number where it has none or two of its name. */
async function openFlowPorts(lab: TestLab, host: string, bridge: string): Promise<string[]> {
  const shown = lines(await lab.text(host, ['ovs-ofctl', 'show', bridge]));
  return shown.flatMap((line) => {
    const name = /^ *\w+\((.+)\): addr:/.exec(line)?.[1];
    return name === undefined ? [] : [`in OpenFlow on ${bridge}: ${name}`];
  });
}

/** What an agent's helper runs there for a moment is not among them: it, and whatever it has started and waits for. */
const PROGRAMS = `
words() { tr "\\0" "\\n" 2>/dev/null </proc/$1/cmdline; }
said=$(for pid in $(ip netns pids "$0"); do
  parent=$(sed -n "s/^PPid:\\t//p" /proc/$pid/status 2>/dev/null)
  case "$(words $pid) $(words $parent)" in *spawner.pl*) ;; *) words $pid ;; esac
done)
echo "$said" >&2
echo "$said" | sed -n 's/^--[a-z-]*=\\(.*\\/files\\/.*\\)$/\\1/p' | while read -r file; do echo "$file"; cat "$file"; done`;

async function programs(lab: TestLab, host: string, name: string): Promise<string[]> {
  const { stdout, stderr } = await lab.at(host, ['sh', '-c', PROGRAMS, name]);
  return [...lines(stderr), ...lines(stdout)];
}

async function namespacePicture(lab: TestLab, host: string, name: string): Promise<NamespacePicture> {
  const inside = (...argv: string[]): Promise<string> => lab.text(host, ['ip', 'netns', 'exec', name, ...argv]);
  const links = Links.parse(JSON.parse(await inside('ip', '-json', 'address')));
  return {
    links: links
      .flatMap(({ ifname, address, mtu, flags, addr_info }) => [
        `${ifname} ${address ?? ''} mtu ${mtu} ${flags.includes('UP') ? 'up' : 'down'}`,
        ...addr_info.map((each) => `${ifname} ${each.local}/${each.prefixlen} ${each.scope}`),
      ])
      .sort(),
    routes: lines(await inside('ip', 'route'))
      .map((line) => line.trim())
      .sort(),
    rules: withoutCounters(await inside('iptables-save')),
    rules6: withoutCounters(await inside('ip6tables-save')),
    programs: await programs(lab, host, name),
  };
}

/** `iptables-save` without comments, times and counters; tables in alphabetical order, for the kernel lists them in the order they were first touched. */
export function withoutCounters(saved: string): string[] {
  const tables = saved
    .split(/^(?=\*)/m)
    .slice(1)
    .map((table) => lines(table).filter((line) => !line.startsWith('#')));
  return tables
    .map((table) => table.map((line) => line.replace(/ \[\d+:\d+\]$/, '')))
    .sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''))
    .flat();
}

async function ports(lab: TestLab, host: string): Promise<string[]> {
  const table = async (name: string, columns: string): Promise<string[]> =>
    lines(await lab.text(host, ['ovs-vsctl', '--format=csv', '--no-headings', `--columns=${columns}`, 'list', name]));
  const bridges = lines(await lab.text(host, ['ovs-vsctl', 'list-br']));
  const members = await Promise.all(
    bridges.map(async (bridge) =>
      lines(await lab.text(host, ['ovs-vsctl', 'list-ports', bridge])).map((port) => `on ${bridge}: ${port}`),
    ),
  );
  return [
    ...(await table('Bridge', 'name,datapath_type,fail_mode,external_ids')).map((row) => `bridge ${row}`),
    ...members.flat(),
    ...(await table('Port', 'name,tag,external_ids')).map((row) => `port ${row}`),
    ...(await table('Interface', 'name,type,options,external_ids')).map((row) => `interface ${row}`),
  ].sort();
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
