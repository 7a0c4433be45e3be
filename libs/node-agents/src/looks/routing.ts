/** Looks: what the namespace of a router does with one packet. The rules are read and walked (l3-core, packet-walk.ts), the kernel is asked for the route; nothing is sent. */
import { type AnswerOf, MOST_STEPS, type ParamsOf, type TracedPacket } from '@plumbline/contracts';
import { CommandFailed, type RunOptions, type SeenLink, type Spawner } from '@plumbline/exec';
import { dialect, gatewayDevice, interfaceDevice, netnsOf, PacketWalk, type Passing } from '@plumbline/l3-core';

const READ_MS = 2_800;
const MOST_TEXT = 1_000;
const MOST_TRACKED = 5;
const LOCAL = 'lo';

type Answer = AnswerOf<'routing'>;
type Found = Pick<Answer, 'route' | 'device' | 'nextHop'> & Readonly<{ local: boolean }>;
type Asking = Readonly<{ runner: Spawner; reading: RunOptions & Readonly<{ netns: string }> }>;

const versionIn = ({ source }: TracedPacket): 4 | 6 => (source.includes(':') ? 6 : 4);

export async function routing(runner: Spawner, params: ParamsOf<'routing'>): Promise<Answer> {
  const { routerId, enters, packet, connection } = params;
  const netns = netnsOf(routerId);
  const asking = { runner, reading: { netns, reads: true, timeoutMs: READ_MS } };
  const [seen] = await runner.look({ links: 'all', parts: ['addresses'] }, [netns]);
  if (seen instanceof CommandFailed && seen.reason === 'netns') return { ...nothing(packet), there: false };
  if (!seen || seen instanceof CommandFailed) throw seen ?? new Error('nothing was seen');
  const device = enters && (enters.gateway ? gatewayDevice : interfaceDevice)(enters.portId);
  const link = seen.links.find(({ name }) => name === device);
  if (device !== null && !link?.up)
    return { ...nothing(packet), route: `device ${device} ${link ? 'is set down' : 'is not there'}` };
  const { stdout } = await runner.run(dialect.save[versionIn(packet)], asking.reading);
  const walk = new PacketWalk(stdout, packet, connection);
  const [walked, tracked] = await Promise.all([
    link ? throughIt(asking, walk, link) : fromIt(asking, walk),
    trackedLike(asking, packet),
  ]);
  return {
    ...walked,
    there: true,
    rules: walk.met.slice(0, MOST_STEPS).map((met) => ({ ...met, line: met.line.slice(0, MOST_TEXT) })),
    unjudged: walk.unjudged.slice(0, MOST_STEPS).map((each) => ({ ...each, line: each.line.slice(0, MOST_TEXT) })),
    packet: walk.packet,
    connection: walked.end === 'dropped' || walked.end === 'unroutable' ? null : walk.tracked,
    tracked,
  };
}

const nothing = (packet: TracedPacket): Answer => ({
  ...{ there: true, rules: [], unjudged: [], packet, end: 'unroutable', route: '', device: null, nextHop: null },
  ...{ neighbour: null, connection: null, tracked: [] },
});

type Walked = Pick<Answer, 'end' | 'route' | 'device' | 'nextHop' | 'neighbour'>;
const DROPPED: Walked = { end: 'dropped', route: '', device: null, nextHop: null, neighbour: null };

async function throughIt(asking: Asking, walk: PacketWalk, { name, addresses }: SeenLink): Promise<Walked> {
  const isSix = versionIn(walk.packet) === 6;
  const own = addresses.map(({ address }) => address.replace(/\/.*/, '')).find((each) => each.includes(':') === isSix);
  const input: Passing = { input: name, ...(own !== undefined && { local: own }) };
  if (!walk.comesIn(input)) return DROPPED;
  const found = await routeOf(asking, walk, name);
  if (found.device === null) return { ...DROPPED, ...shown(found), end: 'unroutable' };
  if (found.local)
    return walk.isDelivered(input)
      ? { ...shown(found), end: 'delivered', neighbour: null }
      : { ...DROPPED, ...shown(found) };
  const passing = { ...input, output: found.device };
  return walk.isForwarded(passing) && walk.leaves({ output: found.device })
    ? { ...shown(found), end: 'forwarded', neighbour: await neighbourOf(asking, found) }
    : { ...DROPPED, ...shown(found) };
}

async function fromIt(asking: Asking, walk: PacketWalk): Promise<Walked> {
  const before = await routeOf(asking, walk, null);
  if (before.device === null) return { ...DROPPED, ...shown(before), end: 'unroutable' };
  if (!walk.isSent({ output: before.device })) return { ...DROPPED, ...shown(before) };
  // What is translated on its way out may go elsewhere.
  const found = await routeOf(asking, walk, null);
  if (found.device === null) return { ...DROPPED, ...shown(found), end: 'unroutable' };
  if (found.local) return { ...shown(found), end: 'delivered', neighbour: null };
  return walk.leaves({ output: found.device })
    ? { ...shown(found), end: 'forwarded', neighbour: await neighbourOf(asking, found) }
    : { ...DROPPED, ...shown(found) };
}

const shown = ({ route, device, nextHop }: Found): Pick<Found, 'route' | 'device' | 'nextHop'> => ({
  ...{ route, device, nextHop },
});

type RouteSaid = Readonly<{ type?: string; dev?: string; gateway?: string; via?: Readonly<{ host?: string }> }>;
const NOWHERE = new Set(['unreachable', 'prohibit', 'blackhole', 'throw']);

/** As the kernel would route it. `input` null: it is sent here. */
async function routeOf(
  { runner, reading }: Asking,
  { packet, mark }: PacketWalk,
  input: string | null,
): Promise<Found> {
  const { source, destination } = packet;
  const six = versionIn(packet) === 6 ? ['-6'] : ['-4'];
  const of = [destination, 'from', source, ...(input === null ? [] : ['iif', input]), 'mark', String(mark)];
  const get = (how: readonly string[], fib: readonly string[]) =>
    runner.run(['ip', ...six, ...how, 'route', 'get', ...fib, ...of], { ...reading, okCodes: [0, 1, 2] });
  const [{ stdout, stderr, code }, entry] = await Promise.all([get(['-json'], []), get([], ['fibmatch'])]);
  const [said] = code === 0 && stdout.trim() !== '' ? (JSON.parse(stdout) as RouteSaid[]) : [];
  const text = (entry.code === 0 ? entry.stdout : '').trim().replace(/\s+/g, ' ').slice(0, MOST_TEXT);
  if (!said?.dev || NOWHERE.has(said.type ?? ''))
    return {
      route: stderr.trim().slice(0, MOST_TEXT) || text || 'no route',
      device: null,
      nextHop: null,
      local: false,
    };
  const local = said.type === 'local' || said.dev === LOCAL;
  return { route: text, device: said.dev, nextHop: said.gateway ?? said.via?.host ?? destination, local };
}

type NeighbourSaid = Readonly<{ lladdr?: string; state?: readonly string[] }>;

async function neighbourOf({ runner, reading }: Asking, { device, nextHop }: Found): Promise<Answer['neighbour']> {
  if (device === null || nextHop === null) return null;
  const argv = ['ip', '-json', 'neighbour', 'show', 'to', nextHop, 'dev', device];
  const { stdout } = await runner.run(argv, { ...reading, okCodes: [0, 1, 2] });
  const [said] = stdout.trim() === '' ? [] : (JSON.parse(stdout) as NeighbourSaid[]);
  return said ? { mac: said.lladdr ?? null, state: (said.state ?? []).join(' ') } : null;
}

const FAMILY = { 4: 'ipv4', 6: 'ipv6' } as const;

/** By conntrack(8), where the node has it. */
async function trackedLike({ runner, reading }: Asking, packet: TracedPacket): Promise<string[]> {
  const { protocol, source, destination, destinationPort } = packet;
  const version = versionIn(packet);
  const name = protocol === 'icmp' && version === 6 ? 'icmpv6' : protocol;
  const ports = protocol === 'icmp' ? [] : ['--dport', String(destinationPort)];
  const argv = ['conntrack', '-L', '-f', FAMILY[version], '-p', name, '-s', source, '-d', destination, ...ports];
  const { stdout } = await runner.run(argv, { ...reading, okCodes: [0, 1] }).catch((error: unknown) => {
    if (error instanceof CommandFailed) return { stdout: '' };
    throw error;
  });
  const lines = stdout.split('\n').filter((line) => /^\S+ +\d+ /.test(line));
  return lines.slice(0, MOST_TRACKED).map((line) => line.trim().replace(/\s+/g, ' ').slice(0, MOST_TEXT));
}
