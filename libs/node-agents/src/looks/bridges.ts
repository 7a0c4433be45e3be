/** Looks: what iptables does with one packet on the bridges of instances that have one of their own (`hybrid`). The rules are read and walked (ovs-core, bridge-walk.ts). */
import { type BridgeSaid, MOST_STEPS, type TracedPacket } from '@plumbline/contracts';
import { CommandFailed, type RunOptions, type Spawner } from '@plumbline/exec';
import { type IpVersion, policiesIn, SAVE, tablesIn, unreadableIn } from '@plumbline/iptables';
import { type BridgedPacket, bridgeOf, type FoundRules, setsIn, walkBridge } from '@plumbline/ovs-core';
import { SHOWN } from '@plumbline/ovs-driver';

const READ_MS = 2_000;
const MOST_TEXT = 1_000;
/** A packet that the switch floods leaves by many: these are looked at. */
const MOST_BRIDGES = 10;
/** Without these nothing is known: here we judge, and what is not tracked is judged otherwise. */
const NEEDED: readonly string[] = ['raw', 'filter'];

/** `remark`: as of BridgeSaid. */
export type RulesRead = Readonly<{ rules: FoundRules | null; unread: readonly string[]; remark: string }>;
export type BridgePlace = Pick<BridgeSaid, 'portId' | 'direction'>;

/** Rules of this IP version. `where`: the namespace of the bridges; absent: the agent's own. */
export async function rulesRead(
  runner: Spawner,
  version: IpVersion,
  where: Pick<RunOptions, 'netns'> = {},
): Promise<RulesRead> {
  const reading = { ...where, reads: true, timeoutMs: READ_MS };
  const read = (argv: readonly string[]): Promise<string | null> =>
    runner.run(argv, reading).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        if (error instanceof CommandFailed) return null;
        throw error;
      },
    );
  const [saved, sets, shown] = await Promise.all([
    read(SAVE[version]),
    read(['ipset', 'save']),
    runner.readSysctls([SHOWN[version]], where),
  ]);
  const [tool = ''] = SAVE[version];
  if (shown.get(SHOWN[version]) !== '1')
    return {
      rules: null,
      unread: [],
      remark: `the kernel shows iptables nothing of bridges (${SHOWN[version]} is not 1)`,
    };
  if (saved === null) return { rules: null, unread: NEEDED, remark: `${tool} does not run` };
  const unread = unreadableIn(saved);
  const lacks = unread.find((table) => NEEDED.includes(table));
  if (lacks !== undefined) return { rules: null, unread, remark: `${tool} cannot show table ${lacks}` };
  return {
    rules: { tables: tablesIn(saved), policies: policiesIn(saved), sets: setsIn(sets ?? '') },
    unread,
    remark: '',
  };
}

/** `packet` as it is asked about; `bridged` and `opened` as bridges see it. */
export function bridgesSay(
  { rules, unread, remark }: RulesRead,
  places: readonly BridgePlace[],
  packet: TracedPacket,
  bridged: BridgedPacket,
  opened: BridgedPacket | null,
): BridgeSaid[] {
  return places.slice(0, MOST_BRIDGES).map(({ portId, direction }) => {
    const place = { portId, direction, bridge: bridgeOf(portId), remark };
    if (!rules) return { ...place, end: unread.length > 0 ? 'unread' : 'passed', rules: [], unjudged: [] };
    const { passes, met, unjudged } = walkBridge(rules, portId, direction, bridged, opened);
    const tables = unread.map((table) => ({
      table,
      chain: '',
      line: '(another tool wrote into it: it cannot be read)',
    }));
    return {
      ...place,
      end: passes ? 'passed' : 'dropped',
      rules: met.slice(-MOST_STEPS).map((each) => ({ ...each, line: each.line.slice(0, MOST_TEXT), packet })),
      unjudged: [...tables, ...unjudged]
        .slice(0, MOST_STEPS)
        .map((each) => ({ ...each, line: each.line.slice(0, MOST_TEXT) })),
    };
  });
}
