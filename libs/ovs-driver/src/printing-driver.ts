/**
 * A driver that changes nothing and prints what it would do: shell commands that, run in order, do the same (`--dry-run`).
 *
 * Design: transactions are printed as ovs-vsctl(8), which an operator reads and which waits for the switch as our own commit does; bundles as they are. What
 * was printed counts as done for the next steps.
 */
import { shellCommand } from '@plumbline/exec';
import {
  ADOPTED_KEY,
  afterChanges,
  afterFlows,
  MARK_KEY,
  NO_FLOWS,
  ObservedFlows,
  ObservedSwitch,
  OvsDriver,
  OvsStep,
  SwitchChange,
  TAG_KEY,
  UPLINKS_KEY,
} from '@plumbline/ovs-core';
import { bundleText } from './flow-text.js';

export type PrintingDriverOptions = Readonly<{
  /** Observes the real switch. Without it the switch is empty, as for a rebuild from nothing. */
  reader?: OvsDriver;
  /** Gets each command, in order. */
  print: (command: string) => void;
  /** As for the real driver. */
  runDir?: string;
  /** The database, as ovs-vsctl's `--db` has it. Default: ovs-vsctl's own. */
  remote?: string;
}>;

export class PrintingDriver implements OvsDriver {
  private switch: ObservedSwitch | null = null;
  private readonly printed = new Map<string, ObservedFlows>();

  constructor(private readonly options: PrintingDriverOptions) {}

  async observe(): Promise<ObservedSwitch> {
    this.switch ??= (await this.options.reader?.observe()) ?? new Map();
    return this.switch;
  }

  async flows(bridges: readonly string[], options: { fresh: boolean }): Promise<ReadonlyMap<string, ObservedFlows>> {
    const observed = await this.observe();
    const real = await this.options.reader?.flows(bridges, options);
    const there = bridges.filter((name) => observed.has(name));
    return new Map(there.map((name) => [name, this.printed.get(name) ?? real?.get(name) ?? NO_FLOWS]));
  }

  async apply(step: OvsStep): Promise<void> {
    if (step.op === 'transact') {
      const db = this.options.remote === undefined ? [] : [`--db=${this.options.remote}`];
      this.options.print(shellCommand(['ovs-vsctl', '--timeout=10', ...db, ...step.changes.flatMap(vsctl)]));
      this.switch = afterChanges(await this.observe(), step.changes);
      return;
    }
    // A script makes a state; what is said once, when a port comes, is no part of it.
    if (step.op === 'announce') return;
    const socket = `unix:${this.options.runDir ?? '/run/openvswitch'}/${step.bridge}.mgmt`;
    const argv = ['ovs-ofctl', '-O', 'OpenFlow14', '--bundle', 'add-flows', socket, '-'];
    this.options.print(shellCommand(argv, bundleText(step)));
    const before = (await this.flows([step.bridge], { fresh: false })).get(step.bridge) ?? NO_FLOWS;
    this.printed.set(step.bridge, afterFlows(before, step));
  }
}

const text = (value: string): string => JSON.stringify(value);
const options = (of: Readonly<Record<string, string>>): string[] =>
  Object.entries(of).map(([key, value]) => `options:${key}=${text(value)}`);

function vsctl(change: SwitchChange): string[] {
  switch (change.op) {
    case 'add-bridge': {
      const { name, datapathType, position } = change.want;
      const columns = [`datapath_type=${datapathType}`, 'fail_mode=secure', `external_ids:${MARK_KEY}=${position}`];
      return ['--', 'add-br', name, '--', 'set', 'Bridge', name, ...columns];
    }
    case 'set-bridge': {
      const { failMode, datapathType, adopt, unsteer } = change;
      const columns = [
        ...(datapathType === null ? [] : [`datapath_type=${datapathType}`]),
        ...(failMode === null ? [] : [`fail_mode=${failMode}`]),
        `external_ids:${MARK_KEY}=${change.want.position}`,
        ...(adopt ? [`external_ids:${ADOPTED_KEY}=true`] : []),
      ];
      const steered = unsteer ? ['--', 'clear', 'Bridge', change.want.name, 'controller', 'protocols'] : [];
      return ['--', 'set', 'Bridge', change.want.name, ...columns, ...steered];
    }
    case 'add-port':
      return ['--', 'add-port', change.want.bridge, change.want.name, ...setPort(change.want)];
    case 'set-port':
      return [
        ...untag(change.want.name),
        '--',
        'clear',
        'Interface',
        change.want.name,
        'options',
        ...setPort(change.want),
      ];
    case 'set-tag': {
      const { name, tag, position } = change.want;
      return [...untag(name), '--', 'set', 'Port', name, `tag=${tag}`, `external_ids:${TAG_KEY}=${position}`];
    }
    case 'note-uplinks': {
      const { bridge, uplinks } = change.want;
      return ['--', 'set', 'Open_vSwitch', '.', `external_ids:${UPLINKS_KEY}${bridge}=${text(uplinks)}`];
    }
    case 'forget-uplinks':
      return ['--', 'remove', 'Open_vSwitch', '.', 'external_ids', `${UPLINKS_KEY}${change.bridge}`];
    case 'reopen':
      return ['--', 'set', 'Interface', change.want.name, `ofport_request=${change.ofport}`];
    case 'delete-port':
      return ['--', '--if-exists', 'del-port', change.bridge, change.name];
    case 'delete-bridge':
      return ['--', '--if-exists', 'del-br', change.bridge];
    case 'release-bridge':
      return [MARK_KEY, ADOPTED_KEY].flatMap((key) => ['--', 'remove', 'Bridge', change.bridge, 'external_ids', key]);
  }
}

const untag = (port: string): string[] => ['--', 'clear', 'Port', port, 'tag', 'trunks', 'vlan_mode'];

function setPort(want: Extract<SwitchChange, { op: 'add-port' }>['want']): string[] {
  return [
    ...['--', 'set', 'Interface', want.name, `type=${want.type}`, ...options(want.options)],
    ...(want.bfd ? ['bfd:enable=true'] : []),
    ...['--', 'set', 'Port', want.name, `external_ids:${MARK_KEY}=${want.position}`],
  ];
}
