/** Looks: flows that are not ours, and whether those are there that change a network's tag at the edge of the node. */
import { type AnswerOf, MOST_SHOWN, type ParamsOf } from '@plumbline/contracts';
import type { Spawner } from '@plumbline/exec';
import { BR_INT, BR_TUN, intPatch, phyPatch, readCookie } from '@plumbline/ovs-core';
import { namedFlows, SwitchImage } from '@plumbline/ovs-driver';
import type { OvsdbMirror } from '@plumbline/ovsdb';

const DUMP_MS = 2_800;
/** OpenFlow's bit that says that there is a tag (VLAN_VID_PRESENT). */
const TAGGED = 0x1000;

type FlowLine = Readonly<{ ours: boolean; priority: number; match: string; actions: string }>;

/** Lines of `dump-flows --no-stats`. */
function* flowsIn(dump: string): Iterable<FlowLine> {
  for (const line of dump.split('\n')) {
    const found = /^ (?:cookie=(0x[0-9a-f]+), )?(.*?) ?actions=(.*)$/.exec(line);
    if (!found) continue;
    const [, cookie = '0x0', key = '', actions = ''] = found;
    const priority = Number(/(?:^|[ ,])priority=(\d+)/.exec(key)?.[1] ?? 32_768);
    const match = key.replace(/(?:^|[ ,])priority=\d+,?/, ' ').trim();
    yield { ours: readCookie(cookie).ours, priority, match, actions };
  }
}

/** What a bridge has when nobody has written a flow. */
const isUsual = ({ priority, match, actions }: FlowLine): boolean =>
  priority === 0 && actions === 'NORMAL' && match === '';

/** `runDir`: Open vSwitch's run directory. A bridge that is not there has none. Ports are named by the database: to understand a name ovs-ofctl asks the switch for far more than its flows. */
export async function flows(
  runner: Spawner,
  mirror: OvsdbMirror,
  runDir: string,
  { bridges }: ParamsOf<'flows'>,
): Promise<AnswerOf<'flows'>> {
  /** Null: there is no such bridge. */
  const dumps = new Map<string, readonly FlowLine[] | null>();
  const image = new SwitchImage(mirror);
  const observed = image.observe();
  image.close();
  await Promise.all(
    [...new Set([BR_INT, BR_TUN, ...bridges.map(({ name }) => name)])].map(async (bridge) => {
      const argv = ['ovs-ofctl', '-O', 'OpenFlow14', '--no-stats', '--no-names', 'dump-flows'];
      const { stdout, code } = await runner.run([...argv, `unix:${runDir}/${bridge}.mgmt`], {
        ...{ timeoutMs: DUMP_MS, reads: true, okCodes: [0, 1] },
      });
      const ports = observed.get(bridge)?.ports ?? new Map();
      dumps.set(bridge, code === 0 ? [...flowsIn(namedFlows(stdout, ports))] : null);
    }),
  );
  const foreign = [...dumps].flatMap(([bridge, all]) =>
    (all ?? [])
      .filter((flow) => !flow.ours && !isUsual(flow))
      .map(({ priority, match, actions }) => ({ bridge, priority, match, actions: actions.slice(0, 500) })),
  );
  const has = (bridge: string, port: string, holds: (flow: FlowLine) => boolean): boolean =>
    (dumps.get(bridge) ?? []).some(
      (flow) => flow.ours && new RegExp(`\\bin_port="?${port}"?(?:,|$)`).test(flow.match) && holds(flow),
    );
  return {
    foreign: foreign.slice(0, MOST_SHOWN),
    foreignCount: foreign.length,
    ours: Object.fromEntries(
      [...dumps]
        .filter(([bridge, all]) => (bridge === BR_INT || bridge === BR_TUN) && all !== null)
        .map(([bridge, all]) => [bridge, (all ?? []).filter(({ ours }) => ours).length]),
    ),
    translated: bridges.flatMap(({ name, localVlanIds }) =>
      localVlanIds.map((localVlanId) => ({
        bridge: name,
        localVlanId,
        out: has(name, phyPatch(name), ({ match }) => match.split(',').includes(`dl_vlan=${localVlanId}`)),
        in: has(BR_INT, intPatch(name), ({ actions }) =>
          actions.includes(`set_field:${TAGGED + localVlanId}->vlan_vid`),
        ),
      })),
    ),
  };
}
