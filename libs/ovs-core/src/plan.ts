/**
 * The difference between the switch and what is desired, as data. Three parts, because each needs the one before:
 *   1. database: bridges, ports, tags (build). Flows name ports, so ports come first.
 *   2. flows, a bridge at a time: provider bridges first and br-int last. A local tag must be translated at the edge before br-int lets a packet out to it.
 *   3. database: what nothing uses any more (release), after its flows are gone, so that no flow of ours outlives the mark it is found by.
 * Nothing is removed unless `mayRemove`. Without it, what has a position later than the view's is left as it is too: the view is older than the node.
 */
import { own, type ObjectKey } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';
import type {
  BridgeWant,
  FlowAdd,
  ObservedBridge,
  ObservedFlows,
  ObservedPort,
  ObservedSwitch,
  OvsStep,
  PortWant,
  SwitchChange,
  TagWant,
} from './driver.js';
import { actionsOn, Flow, isOfLostPort, Owner } from './flow.js';
import { BR_INT, BR_TUN } from './marks.js';
import { eachLearned, type Learned, learnedBefore } from './pipeline.js';
import type { Refusal } from './render.js';
import { uplinksOf } from './uplinks.js';
import type { Desired } from './wanted.js';

/** What is known to be wanted no more; of everything else that is not known. */
export type Leaving = Readonly<{
  flows: ReadonlyMap<string, ReadonlySet<string>>;
  /** `bridge/name`. */
  ports: ReadonlySet<string>;
}>;

export type PlanOptions = Readonly<{
  mayRemove: boolean;
  /** `desired` is a part of what is wanted: what goes is what is in here. Absent: `desired` is all, and whatever is not in it goes. */
  leaving?: Leaving;
  /** The flows of rules stay as they are: an old view may have a rule that is gone. */
  keepRules?: boolean;
  /** Position of the view that was rendered. */
  position: number;
  isFrozen: (owner: Owner) => boolean;
}>;

/** Frozen objects limit the plan: while one of them is not in the view, anything on the switch could belong to it, so nothing is removed. */
export function planOptions(view: HostView, mayRemove: boolean): PlanOptions {
  const unseen = [...view.frozen.keys()].some((key) => !view.objects.has(key));
  const isFrozen = (owner: Owner): boolean =>
    view.frozen.has(owner as ObjectKey) ||
    (owner.startsWith('network/') && view.frozen.has(owner.replace('network/', 'placement/') as ObjectKey));
  return { mayRemove: mayRemove && !unseen, position: view.position, isFrozen };
}

/** Beyond those that a switch gives by itself, so that it does not give away a number that was asked for and is free again. */
const FIRST_ASKED_NUMBER = 40_000;

/** Bridges, ports and tags that are missing or other than desired; then ports of ours that are not wanted any more. `desired` may be a part of what is wanted. */
export function planBuild(
  desired: Desired,
  observed: ObservedSwitch,
  options: PlanOptions,
): { changes: SwitchChange[]; refused: Refusal[] } {
  const changes: SwitchChange[] = [];
  const refused: Refusal[] = [];
  for (const want of desired.bridges) {
    const found = observed.get(want.name);
    if (!found) changes.push({ op: 'add-bridge', want });
    else changes.push(...bridgeChange(want, found, options, refused));
  }
  for (const want of desired.ports) {
    if (options.isFrozen(want.owner)) continue;
    const found = observed.get(want.bridge)?.ports.get(want.name);
    const home = found ? undefined : homeOf(want.name, observed);
    if (found && !samePort(want, found) && !newer(found.mark, options)) changes.push({ op: 'set-port', want });
    if (!found && home === undefined) changes.push({ op: 'add-port', want });
    if (!found && home !== undefined)
      refused.push({
        key: want.owner || `bridge/${want.bridge}`,
        reason: `port ${want.name} is on bridge ${home}, not on ${want.bridge}: an operator must remove it there (ovs-vsctl del-port ${home} ${want.name})`,
      });
  }
  for (const want of desired.tags) {
    const found = observed.get(want.bridge)?.ports.get(want.name);
    if (found && !options.isFrozen(want.owner) && !sameTag(want, found) && !newer(found.tagMark, options))
      changes.push({ op: 'set-tag', want });
    if (found?.device === 'replaced' && !options.isFrozen(want.owner))
      changes.push({ op: 'reopen', want, ofport: freeNumber(observed.get(want.bridge), changes) });
  }
  const noted = observed.get(BR_INT)?.knownUplinks ?? {};
  for (const { provider, name, position, owner } of desired.bridges) {
    if (!provider) continue;
    const { known, stale } = uplinksOf(name, observed);
    if (known !== '' && own(noted, name) !== known)
      changes.push({ op: 'note-uplinks', want: { bridge: name, uplinks: known, owner } });
    for (const { bridge, device } of stale) {
      const want = { bridge, name: device, position, owner };
      changes.push({ op: 'reopen', want, ofport: freeNumber(observed.get(bridge), changes) });
    }
  }
  if (options.mayRemove)
    changes.push(
      ...(options.leaving
        ? leavingPorts(options.leaving, observed)
        : [...strayPorts(desired, observed), ...strayNotes(desired, noted)]),
    );
  return { changes, refused };
}

/** A port number that no port has and no change asks for. */
function freeNumber(bridge: ObservedBridge | undefined, changes: readonly SwitchChange[]): number {
  const taken = new Set([...(bridge?.ports.values() ?? [])].map(({ ofport }) => ofport));
  for (const change of changes) if (change.op === 'reopen') taken.add(change.ofport);
  let number = FIRST_ASKED_NUMBER;
  while (taken.has(number)) number += 1;
  return number;
}

const homeOf = (port: string, observed: ObservedSwitch): string | undefined =>
  [...observed.values()].find((bridge) => bridge.ports.has(port))?.name;

function bridgeChange(
  want: BridgeWant,
  found: ObservedBridge,
  options: PlanOptions,
  refused: Refusal[],
): SwitchChange[] {
  const adopt = found.adopted || found.mark === null;
  const govern = !want.provider || !adopt;
  if (!govern && found.datapathType !== want.datapathType)
    refused.push({
      key: `bridge/${want.name}`,
      reason: `bridge ${want.name} has datapath_type ${found.datapathType} and br-int ${want.datapathType}: patch ports do not join them; an operator must give both the same`,
    });
  const failMode = govern && found.failMode !== 'secure' ? 'secure' : null;
  const datapathType = govern && found.datapathType !== want.datapathType ? want.datapathType : null;
  const marked = found.mark === want.position || newer(found.mark, options);
  const unsteer = govern && found.steered === true;
  if (marked && failMode === null && datapathType === null && !unsteer) return [];
  return [{ op: 'set-bridge', want, adopt, failMode, datapathType, unsteer }];
}

/** While the view may be old, what has a later position than it is left. */
const newer = (mark: number | null, options: PlanOptions): boolean =>
  !options.mayRemove && mark !== null && mark > options.position;

const samePort = (want: PortWant, found: ObservedPort): boolean =>
  found.tag === null &&
  !found.trunk &&
  found.type === want.type &&
  found.mark === want.position &&
  found.bfd === want.bfd &&
  sameRecord(want.options, found.options);

const sameTag = (want: TagWant, found: ObservedPort): boolean =>
  found.tag === want.tag && !found.trunk && found.tagMark === want.position;

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Ports with our mark and without iface-id that are not wanted: earlier patch and tunnel ports. */
function strayPorts(desired: Desired, observed: ObservedSwitch): SwitchChange[] {
  const wanted = new Set(desired.ports.map((port) => `${port.bridge}/${port.name}`));
  return [...observed.values()].flatMap((bridge) =>
    [...bridge.ports.values()]
      .filter((port) => isOurs(port) && !wanted.has(`${bridge.name}/${port.name}`))
      .map(({ name }): SwitchChange => ({ op: 'delete-port', bridge: bridge.name, name, owner: '' })),
  );
}

/** Uplinks written down for bridges that are no provider bridges any more. */
function strayNotes(desired: Desired, noted: Readonly<Record<string, string>>): SwitchChange[] {
  const providers = new Set(desired.bridges.filter(({ provider }) => provider).map(({ name }) => name));
  return Object.keys(noted)
    .filter((bridge) => !providers.has(bridge))
    .map((bridge): SwitchChange => ({ op: 'forget-uplinks', bridge, owner: '' }));
}

/** Of the ports that are wanted no more, those that are still there and ours. */
function leavingPorts({ ports }: Leaving, observed: ObservedSwitch): SwitchChange[] {
  return [...ports].flatMap((place): SwitchChange[] => {
    const [bridge = '', name = ''] = [place.slice(0, place.indexOf('/')), place.slice(place.indexOf('/') + 1)];
    const found = observed.get(bridge)?.ports.get(name);
    return found && isOurs(found) ? [{ op: 'delete-port', bridge, name, owner: '' }] : [];
  });
}

const isOurs = (port: ObservedPort): boolean => port.mark !== null && port.ifaceId === null;

/** Bridges whose flows are compared: those desired, and those that have our mark from before. */
export function bridgesOfOurs(desired: Desired, observed: ObservedSwitch): string[] {
  const wanted = desired.bridges.map((bridge) => bridge.name);
  const marked = [...observed.values()].filter((bridge) => bridge.mark !== null).map((bridge) => bridge.name);
  return inFlowOrder([...wanted, ...marked], observed);
}

/** Those of these bridges that are there, each once, in the order in which their flows are written. */
export const inFlowOrder = (names: Iterable<string>, observed: ObservedSwitch): string[] =>
  [...new Set(names)].filter((name) => observed.has(name)).sort(edgeFirst);

/** Provider bridges, br-tun, br-int. */
function edgeFirst(a: string, b: string): number {
  const rank = (name: string) => (name === BR_INT ? 2 : name === BR_TUN ? 1 : 0);
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

export type FlowStep = Extract<OvsStep, { op: 'flows' }>;

/** One bundle for each bridge that differs. A flow whose port the switch does not have is left out; a foreign flow in the place of ours is left in it. */
export function planFlows(
  desired: Desired,
  observed: ObservedSwitch,
  flows: ReadonlyMap<string, ObservedFlows>,
  options: PlanOptions,
): { steps: FlowStep[]; refused: Refusal[] } {
  const steps: FlowStep[] = [];
  const refused: Refusal[] = [];
  for (const [bridge, found] of flows) {
    const ports = observed.get(bridge)?.ports;
    const hasPort = (name: string): boolean => (ports?.get(name)?.ofport ?? null) !== null;
    const add: FlowAdd[] = [];
    const wanted = new Set<string>();
    const unwritable: string[] = [];
    for (const flow of desired.flows.get(bridge) ?? []) {
      const key = flow.key;
      wanted.add(key);
      const actions = flow.ports.every(hasPort) ? actionsOn(flow, hasPort) : null;
      if (options.isFrozen(flow.owner)) continue;
      if (actions === null) {
        wanted.delete(key);
        unwritable.push(key);
        continue;
      }
      const there = found.ours.get(key);
      if (there && there.actions === actions && there.position === flow.position) continue;
      if (there && newer(there.position, options)) continue;
      if (options.keepRules && flow.owner.startsWith('firewall/')) continue;
      if (!there && found.foreign.has(key)) refused.push(foreignInPlace(bridge, flow));
      else add.push(actions === flow.actions ? flow : { ...flow, actions });
    }
    // Flows of a port that is gone, and what the switch learned for one, do nothing: to remove them takes away nothing that works, so no view need allow it.
    const remove = options.mayRemove
      ? leavingFlows(bridge, found, wanted, unwritable, options.leaving)
      : [...found.ours.keys()].filter(isOfLostPort);
    const forgetPorts = [...found.lostPorts].sort((a, b) => a - b);
    if (add.length + remove.length + forgetPorts.length === 0) continue;
    steps.push({ op: 'flows', bridge, remove, add, forget: stale(found, remove, add), forgetPorts });
  }
  return { steps, refused };
}

const leavingFlows = (
  bridge: string,
  { ours }: ObservedFlows,
  wanted: ReadonlySet<string>,
  unwritable: readonly string[],
  leaving: Leaving | undefined,
): string[] =>
  leaving
    ? [...new Set([...(leaving.flows.get(bridge) ?? []), ...unwritable])].filter(
        (key) => ours.has(key) && !wanted.has(key),
      )
    : [...ours.keys()].filter((key) => !wanted.has(key));

const foreignInPlace = (bridge: string, flow: Flow): Refusal => ({
  key: flow.owner || `bridge/${bridge}`,
  reason: `bridge ${bridge} holds a flow that is not ours where "${flow.key}" belongs: an operator must remove it (ovs-ofctl --strict del-flows ${bridge} ...)`,
});

/** What was learned for a tag whose network is gone or has another VNI must not be used for the next network with the tag; nor what is older than the log's entry. */
function stale(found: ObservedFlows, remove: readonly string[], add: readonly FlowAdd[]): Learned[] {
  const before = (key: string, removed: boolean) =>
    learnedBefore(key, found.ours.get(key)?.actions ?? '', removed) ?? [];
  return eachLearned([...remove.flatMap((key) => before(key, true)), ...add.flatMap(({ key }) => before(key, false))]);
}

/** Bridges of ours that are not wanted any more. One that holds ports of others, or was there before us, only loses our marks. */
export function planRelease(desired: Desired, observed: ObservedSwitch, options: PlanOptions): SwitchChange[] {
  if (!options.mayRemove) return [];
  const wanted = new Set(desired.bridges.map((bridge) => bridge.name));
  return [...observed.values()]
    .filter((bridge) => bridge.mark !== null && !wanted.has(bridge.name))
    .map((bridge): SwitchChange => {
      const shared = [...bridge.ports.values()].some((port) => port.name !== bridge.name && !isOurs(port));
      const op = bridge.adopted || shared ? 'release-bridge' : 'delete-bridge';
      return { op, bridge: bridge.name, owner: `bridge/${bridge.name}` };
    });
}

export const ownerOf = (change: SwitchChange): Owner => ('want' in change ? change.want.owner : change.owner);
