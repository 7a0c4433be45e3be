/**
 * What `ofproto/trace` printed, as data: which flows the packet met, bridge by bridge, and where it leaves. Pure.
 *
 *     Flow: tcp,in_port=...                            a packet; behind a line of "=", its next part: recirculated, as conntrack resumes it
 *
 *     bridge("br-int")                                 what follows at its depth is of this bridge; one behind a patch port is deeper
 *     ----------------
 *      0. in_port=2, priority 9, cookie 0x504c...      the flow that matched, by its table
 *         goto_table:71                                its actions
 *          -> output to native tunnel                  a remark
 *     71. No match.
 *         >> dropping VLAN 5 tagged packet ...         why the switch itself drops it
 *     Datapath actions: tap1,push_vlan(vid=1,pcp=0)    ports, also those that NORMAL chose, which no action names
 */
import { readCookie } from '@plumbline/ovs-core';

export type TracedFlow = Readonly<{
  bridge: string;
  table: number;
  match: string;
  priority: number;
  actions: readonly string[];
  of: 'ours' | 'learned' | 'foreign' | 'none';
  position: number | null;
}>;
/** `tunId`: set when it left; null: none was. */
export type TracedOutput = Readonly<{ bridge: string; port: string; tunId: number | null }>;
export type Traced = Readonly<{
  flows: readonly TracedFlow[];
  /** Ports that actions name, patch ports among them. */
  outputs: readonly TracedOutput[];
  /** Devices of the datapath that get it. */
  devices: readonly string[];
  remarks: readonly string[];
}>;

const BRIDGE = /^( *)bridge\("(.+)"\)$/;
const TABLE = /^( *)(\d+)\. (.*)$/;
const RULE = /^(?:(.*), )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$/;
/** Said beside actions: what came of one, a line under a bridge's name, where a recirculated packet goes on. */
const REMARK = /^(?:-> |-+$|thaw$|Resuming from )/;
const ACTION = /^ +(\S.*)$/;
const OUTPUT = /^output:"?([^"\s]+)"?$/;
const TUN_ID = /^(?:set_field:(0x[0-9a-f]+|\d+)->tun_id|load:(0x[0-9a-f]+|\d+)->NXM_NX_TUN_ID\[\])$/;

type Open = { bridge: string; depth: number };
type Met = { -readonly [K in keyof TracedFlow]: TracedFlow[K] } & { actions: string[] };

/** Lines that it does not know are passed over. */
export function parseTrace(text: string): Traced {
  const flows: Met[] = [];
  const outputs: TracedOutput[] = [];
  const devices = new Set<string>();
  const remarks: string[] = [];
  let bridges: Open[] = [];
  let tunId: number | null = null;
  for (const line of text.split('\n')) {
    const bridge = BRIDGE.exec(line);
    const table = TABLE.exec(line);
    const action = ACTION.exec(line)?.[1];
    if (line.startsWith('Flow: ')) {
      bridges = [];
      tunId = null;
    } else if (line.startsWith('Datapath actions: ')) {
      for (const device of devicesIn(line.slice(line.indexOf(': ') + 2))) devices.add(device);
    } else if (bridge) {
      const [, indent = '', name = ''] = bridge;
      bridges = [...bridges.filter(({ depth }) => depth < indent.length), { bridge: name, depth: indent.length }];
    } else if (table) {
      const [, indent = '', number = '', rule = ''] = table;
      const depth = indent.length + number.length - 2;
      bridges = bridges.filter((each) => each.depth <= depth);
      flows.push(flowOf(bridges.at(-1)?.bridge ?? '', Number(number), rule));
    } else if (action?.startsWith('>>')) remarks.push(action.replace(/^>+ */, ''));
    else if (action !== undefined && !REMARK.test(action)) {
      const actions = flows.at(-1)?.actions;
      // A copy goes on from conntrack; the "drop" that is printed there is of what is left of it.
      if (action !== 'drop' || !actions?.some((each) => each.startsWith('ct('))) actions?.push(action);
      const [, set, load] = TUN_ID.exec(action) ?? [];
      if (set !== undefined || load !== undefined) tunId = Number(set ?? load);
      const port = OUTPUT.exec(action)?.[1];
      if (port !== undefined) outputs.push({ bridge: flows.at(-1)?.bridge ?? '', port, tunId });
    }
  }
  return { flows, outputs, devices: [...devices], remarks };
}

function flowOf(bridge: string, table: number, text: string): Met {
  const [, match = '', priority, cookie = '0x0'] = RULE.exec(text) ?? [];
  const met = { bridge, table, match, priority: Number(priority ?? 0), actions: [], position: null };
  if (priority === undefined) return { ...met, of: 'none' };
  const owner = readCookie(cookie);
  if (!owner.ours) return { ...met, of: 'foreign' };
  return owner.learned ? { ...met, of: 'learned' } : { ...met, of: 'ours', position: owner.position };
}

/** Names among actions of the datapath: those that stand alone, also in a clone. What is behind a tunnel's header is the wire of the tunnel. */
function devicesIn(actions: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let word = '';
  for (const char of `${actions},`) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char !== ',' || depth > 0) word += char;
    else {
      if (word.startsWith('tnl_push(')) return found;
      const clone = /^clone\((.*)\)$/.exec(word)?.[1];
      const name = /^"?([A-Za-z0-9_.:@+-]+)"?$/.exec(word)?.[1];
      if (clone !== undefined) found.push(...devicesIn(clone));
      if (name !== undefined && !NO_DEVICES.has(name)) found.push(name);
      word = '';
    }
  }
  return found;
}
const NO_DEVICES = new Set(['drop', 'pop_vlan', 'ct_clear', 'pop_eth', 'pop_nsh']);
