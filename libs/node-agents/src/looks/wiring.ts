/** Looks: what the switch's database shows of ports, provider bridges and tunnels. Any agent of the node can look, whichever of them made what is there. */
import { type AnswerOf, canonicalAddress, IpAddress, type ParamsOf, type Plugged } from '@plumbline/contracts';
import { CommandFailed, type SeenNetwork, type Spawner } from '@plumbline/exec';
import { BR_INT, intPatch, phyPatch, tapOf, uplinksOf } from '@plumbline/ovs-core';
import { askSwitch, controlSocketIn, SwitchImage, tunnelEnds } from '@plumbline/ovs-driver';
import type { InterfaceRow, OvsdbMirror } from '@plumbline/ovsdb';

/** The switch looks at its control socket between two rounds of its work. */
const SWITCH_ANSWERS_MS = 2_000;
const MOST_INTERFACES = 10;

/** Interfaces that name this port of the API. */
export const pluggedBy = (mirror: OvsdbMirror, portId: string): readonly InterfaceRow[] =>
  mirror.interfaces().filter(({ external_ids }) => external_ids['iface-id'] === portId);

/** Device -> its queueing discipline. */
type Queues = ReadonlyMap<string, string | null>;
/** Those that lose or hold packets back: left over from a test of somebody. */
const LOSING: readonly string[] = ['netem', 'blackhole', 'plug'];

function shown(mirror: OvsdbMirror, row: InterfaceRow, queues: Queues): Plugged {
  const port = mirror.portOf(row);
  return {
    device: row.name,
    bridge: (port && mirror.bridgeOf(port)?.name) ?? '',
    tag: port?.tag ?? null,
    ifaceId: row.external_ids['iface-id'] ?? '',
    fault: faultOf(row, queues),
  };
}

function faultOf({ name, error, ofport, ifindex, admin_state, type }: InterfaceRow, queues: Queues): string | null {
  if (error !== null) return error;
  if (ofport === null || ofport < 1) return 'the switch has not opened it';
  if (type !== '' && type !== 'system') return null;
  if (ifindex === 0) return 'there is no device of its name on the node';
  if (admin_state === 'down') return 'the device is set down';
  const queue = queues.get(name) ?? '';
  return LOSING.includes(queue) ? `its queueing discipline ${queue} loses or delays packets` : null;
}

/** `runDir`: Open vSwitch's run directory. */
export async function wiring(
  runner: Spawner,
  mirror: OvsdbMirror,
  runDir: string,
  { ports, bridges }: ParamsOf<'wiring'>,
): Promise<AnswerOf<'wiring'>> {
  const image = new SwitchImage(mirror);
  const observed = image.observe();
  image.close();
  const local = localEnds(mirror);
  const devices = ports.flatMap(({ id }) => pluggedBy(mirror, id).map(({ name }) => name));
  const links = local.size + devices.length === 0 ? [] : await linksOf(runner, local.size > 0 ? 'all' : devices);
  const queues: Queues = new Map(links.map(({ name, qdisc }) => [name, qdisc]));
  const almost = (id: string, mac: string): Plugged[] =>
    mirror
      .interfaces()
      .filter(
        ({ name, external_ids: { 'iface-id': ifaceId, 'attached-mac': attached } }) =>
          ifaceId !== id && (name === tapOf(id) || attached?.toLowerCase() === mac),
      )
      .map((row) => shown(mirror, row, queues));
  return {
    switchAnswers: await switchAnswers(runDir),
    integrationBridge: mirror.bridge(BR_INT) !== undefined,
    ports: ports.map(({ id, mac }) => ({
      id,
      plugged: pluggedBy(mirror, id)
        .slice(0, MOST_INTERFACES)
        .map((row) => shown(mirror, row, queues)),
      almost: almost(id, mac).slice(0, MOST_INTERFACES),
    })),
    bridges: bridges.map((name) => {
      const [inside, outside] = [intPatch(name), phyPatch(name)];
      const peerOf = (bridge: string, port: string) => {
        const found = observed.get(bridge)?.ports.get(port);
        return found?.type === 'patch' ? found.options['peer'] : undefined;
      };
      const { known, cut } = uplinksOf(name, observed);
      return {
        name,
        there: observed.has(name),
        patched: peerOf(BR_INT, inside) === outside && peerOf(name, outside) === inside,
        uplinks: known.split(',').filter(Boolean),
        uplinkMtuBytes: leastMtu(mirror, known.split(',')),
        cut,
      };
    }),
    tunnels: tunnelEnds(mirror).map(({ remoteIp, up }) => ({ remoteIp, up })),
    tunnelEnds: ownEnds(local, links),
  };
}

/** Addresses at which tunnels of this node begin. */
const localEnds = (mirror: OvsdbMirror): ReadonlySet<string> =>
  new Set(
    tunnelEnds(mirror)
      .map(({ localIp }) => localIp)
      .filter((ip) => IpAddress.safeParse(ip).success),
  );

/** Who of the node's devices has each of these addresses. */
const ownEnds = (local: ReadonlySet<string>, links: SeenNetwork['links']): AnswerOf<'wiring'>['tunnelEnds'] =>
  [...local].map((localIp) => {
    const device = links.find(({ addresses }) =>
      addresses.some(({ address }) => address.replace(/\/\d+$/, '') === canonicalAddress(localIp)),
    );
    return { localIp, device: device?.name ?? null, up: device?.up ?? false };
  });

async function linksOf(runner: Spawner, devices: 'all' | readonly string[]): Promise<SeenNetwork['links']> {
  const [seen] = await runner.look({ links: devices, parts: ['addresses'] });
  if (!seen || seen instanceof CommandFailed) throw seen ?? new Error('nothing was seen of the devices');
  return seen.links;
}

function leastMtu(mirror: OvsdbMirror, names: readonly string[]): number | null {
  const known = mirror.interfaces().flatMap(({ name, mtu }) => (names.includes(name) && mtu !== null ? [mtu] : []));
  return known.length === 0 ? null : Math.min(...known);
}

/** The database answers for a switch that is stopped, too; its control socket does not. */
async function switchAnswers(runDir: string): Promise<boolean> {
  const socket = await controlSocketIn(runDir);
  if (socket === null) return false;
  return askSwitch(socket, 'version', [], AbortSignal.timeout(SWITCH_ANSWERS_MS)).then(
    () => true,
    () => false,
  );
}
