/**
 * The state of a switch after a step: the step's meaning, written independently of any switch. The printing driver uses it to show what would follow, the property
 * tests to show that plans converge.
 */
import type {
  DeviceFault,
  ObservedBridge,
  ObservedFlows,
  ObservedPort,
  ObservedSwitch,
  OvsStep,
  PortWant,
  SwitchChange,
} from './driver.js';

import { BR_INT } from './marks.js';

/** The database after these changes, with every port opened. Changes to bridges and ports that are not there are left out. */
export function afterChanges(observed: ObservedSwitch, changes: readonly SwitchChange[]): ObservedSwitch {
  const bridges = new Map(observed);
  for (const change of changes) {
    if (change.op === 'add-bridge') {
      const { name, datapathType, position } = change.want;
      const local = port(name, name, { type: 'internal', ofport: 65534 });
      const ports = new Map([[name, local]]);
      bridges.set(name, { name, datapathType, failMode: 'secure', mark: position, adopted: false, ports });
      continue;
    }
    if (change.op === 'note-uplinks' || change.op === 'forget-uplinks') {
      const integration = bridges.get(BR_INT);
      if (integration) bridges.set(BR_INT, noted(integration, change));
      continue;
    }
    const name = 'want' in change && 'bridge' in change.want ? change.want.bridge : bridgeOf(change);
    const bridge = bridges.get(name);
    if (!bridge) continue;
    const after = changed(bridge, change);
    if (after) bridges.set(name, after);
    else bridges.delete(name);
  }
  return bridges;
}

const bridgeOf = (change: SwitchChange): string =>
  change.op === 'set-bridge' ? change.want.name : 'bridge' in change ? change.bridge : '';

function noted(
  bridge: ObservedBridge,
  change: Extract<SwitchChange, { op: 'note-uplinks' | 'forget-uplinks' }>,
): ObservedBridge {
  const of = change.op === 'note-uplinks' ? change.want.bridge : change.bridge;
  const { [of]: _, ...rest } = bridge.knownUplinks ?? {};
  return { ...bridge, knownUplinks: change.op === 'note-uplinks' ? { ...rest, [of]: change.want.uplinks } : rest };
}

function changed(bridge: ObservedBridge, change: SwitchChange): ObservedBridge | null {
  const ports = new Map(bridge.ports);
  switch (change.op) {
    case 'set-bridge': {
      const { steered, ...rest } = bridge;
      return {
        ...rest,
        ...(steered && !change.unsteer && { steered }),
        mark: change.want.position,
        adopted: change.adopt,
        failMode: change.failMode ?? bridge.failMode,
        datapathType: change.datapathType ?? bridge.datapathType,
      };
    }
    case 'add-port':
    case 'set-port':
      ports.set(change.want.name, portAfter(bridge.ports.get(change.want.name), change.want, ports.size));
      return { ...bridge, ports };
    case 'set-tag': {
      const found = ports.get(change.want.name);
      if (found) ports.set(found.name, { ...untrunked(found), tag: change.want.tag, tagMark: change.want.position });
      return { ...bridge, ports };
    }
    case 'reopen': {
      const { name } = change.want;
      const found = ports.get(name) ?? [...ports.values()].find((each) => each.uplink?.faults.some(isOf(name)));
      if (found) {
        const { device: _, uplink, ...rest } = found;
        const opened = uplink && { ...uplink, faults: uplink.faults.filter((fault) => !isOf(name)(fault)) };
        ports.set(found.name, { ...rest, ...(opened && { uplink: opened }), ofport: change.ofport });
      }
      return { ...bridge, ports };
    }
    case 'delete-port':
      ports.delete(change.name);
      return { ...bridge, ports };
    case 'release-bridge':
      return { ...bridge, mark: null, adopted: false };
    case 'delete-bridge':
      return null;
    default:
      return bridge;
  }
}

const isOf =
  (name: string) =>
  ({ device }: DeviceFault): boolean =>
    device === name;

function untrunked({ trunk: _, ...rest }: ObservedPort): ObservedPort {
  return rest;
}

function portAfter(before: ObservedPort | undefined, want: PortWant, number: number): ObservedPort {
  const found = before ?? port(want.bridge, want.name, { ofport: number });
  const { bfd: _, ...rest } = untrunked(found);
  return {
    ...rest,
    tag: null,
    type: want.type,
    options: want.options,
    mark: want.position,
    ...(want.bfd !== undefined && { bfd: want.bfd }),
  };
}

const port = (bridge: string, name: string, more: Partial<ObservedPort>): ObservedPort => ({
  name,
  bridge,
  tag: null,
  mark: null,
  tagMark: null,
  ifaceId: null,
  type: '',
  options: {},
  ofport: null,
  error: null,
  ...more,
});

/** A bridge's flows after one bundle. */
export function afterFlows(found: ObservedFlows, step: Extract<OvsStep, { op: 'flows' }>): ObservedFlows {
  const ours = new Map(found.ours);
  for (const key of step.remove) ours.delete(key);
  for (const flow of step.add) ours.set(flow.key, { actions: flow.actions, position: flow.position });
  return {
    ...found,
    ours,
    lostPorts: new Set([...found.lostPorts].filter((port) => !step.forgetPorts.includes(port))),
  };
}

export const NO_FLOWS: ObservedFlows = { ours: new Map(), foreign: new Set(), lostPorts: new Set() };
