/**
 * The DHCP port on a real node. Namespaces, links and addresses are made by the L3 agent's driver, whose steps they are; programs by libs/processes; leases are
 * given back by dnsmasq's own tools, which send what a guest would send.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  dnsmasqName,
  holdersIn,
  leasesFile,
  networkOfNetns,
  networkOfProcess,
  type DhcpDriver,
  type DhcpFound,
  type DhcpStep,
  type LeaseStep,
  type NodeStep,
} from '@plumbline/dhcp-core';
import { CommandFailed, type Runner } from '@plumbline/exec';
import { outsideOf } from '@plumbline/l3-core';
import { NodeL3Driver, observeOutsides, outsidesIn, type SwitchPorts } from '@plumbline/l3-driver';
import type { Processes, SupervisionStep } from '@plumbline/processes';
import { leasesIn } from './leases.js';
import { foundDhcp, observeNamespaces, readNamespace, type RawDhcp } from './observe.js';

export type NodeDhcpOptions = Readonly<{
  /** As in DhcpTerms. */
  owner: string;
  runDir?: string;
  /** False: what is done is only printed, so there is no end of it to wait for. Default true. */
  waits?: boolean;
}>;

/** Close it when done. */
export class NodeDhcpDriver implements DhcpDriver {
  private readonly node: NodeL3Driver;

  constructor(
    private readonly runner: Runner,
    /** Of DHCP_PORT_OWNER. */
    private readonly ports: SwitchPorts,
    private readonly processes: Processes,
    private readonly options: NodeDhcpOptions,
  ) {
    this.node = new NodeL3Driver(runner, ports);
  }

  close(): void {
    this.node.close();
  }

  async observe(networks: ReadonlySet<string> | 'all', outsides: readonly string[]): Promise<DhcpFound> {
    const { runner } = this;
    const names = networks === 'all' ? undefined : new Set([...networks].map(dnsmasqName));
    const [there, processes] = await Promise.all([observeNamespaces(runner), this.processes.observe(names)]);
    const pids = new Map(
      processes.processes.filter(({ main }) => main).map(({ name, pid }) => [networkOfProcess(name), pid]),
    );
    const raw = new Map<string, RawDhcp>();
    const unreadable = new Map<string, string>();
    const read = async (id: string): Promise<void> => {
      try {
        raw.set(id, await readNamespace(runner, id, pids.get(id) ?? null));
      } catch (error) {
        // It may have gone since it was listed.
        if (
          !(error instanceof CommandFailed) ||
          error.reason !== 'netns' ||
          (await observeNamespaces(runner)).includes(id)
        )
          unreadable.set(id, error instanceof Error ? error.message : String(error));
      }
    };
    const asked = there.filter((id) => networks === 'all' || networks.has(id));
    const [observed] = await Promise.all([this.ports.observe(), ...asked.sort().map(read)]);
    const inner = [...raw.values()].flatMap(({ links }) => links.map(({ ifname }) => ifname));
    const seen = await observeOutsides(runner, [...new Set([...outsides, ...inner.map(outsideOf)])]);
    const files = [...processes.folders.keys()].map((name) => [networkOfProcess(name), this.filesOf(name)] as const);
    return {
      bridge: observed.bridge,
      ports: observed.ports,
      namespaces: new Map([...raw].map(([id, each]) => [id, foundDhcp(each, seen)])),
      unreadable,
      outsides: outsidesIn(seen),
      processes,
      leases: new Map(files.map(([id, { leases }]) => [id, leasesIn(leases)])),
      holders: new Map(files.map(([id, { hosts }]) => [id, holdersIn(hosts)])),
    };
  }

  private filesOf(name: string): { leases: string; hosts: string } {
    const leases = leasesFile(this.options.owner, name, this.options.runDir);
    return { leases: textOf(leases), hosts: textOf(path.join(path.dirname(leases), 'files', 'hosts')) };
  }

  async apply(steps: readonly DhcpStep[]): Promise<void> {
    const [first] = steps;
    if (!first) return;
    switch (first.op) {
      case 'process':
        return this.processes.apply((steps as readonly SupervisionStep[]).map(({ step }) => step));
      case 'release-lease':
      case 'forget-leases':
        for (const step of steps as readonly LeaseStep[]) await this.give(step);
        return;
      default:
        return this.node.apply(steps as readonly NodeStep[]);
    }
  }

  private async give(step: LeaseStep): Promise<void> {
    if (step.op === 'forget-leases') {
      await this.runner.run(['rm', '-f', leasesFile(this.options.owner, step.process, this.options.runDir)]);
      return;
    }
    const { netns, device, lease } = step;
    const argv =
      lease.version === 4
        ? ['dhcp_release', device, lease.address, lease.mac, ...(lease.clientId === null ? [] : [lease.clientId])]
        : [
            'dhcp_release6',
            ...['--iface', device, '--client-id', lease.duid, '--server-id', lease.serverDuid],
            ...['--iaid', lease.iaid, '--ip', lease.address],
          ];
    await this.runner.run(argv, { netns });
    if (this.options.waits ?? true) await this.untilGiven(step);
  }

  /** The tools do not wait for dnsmasq, which writes its file when it has read the packet. */
  private async untilGiven({ netns, lease }: Extract<LeaseStep, { op: 'release-lease' }>): Promise<void> {
    const name = dnsmasqName(networkOfNetns(netns) ?? '');
    for (const end = performance.now() + RELEASE_MS; performance.now() < end; await delay(5))
      if (!leasesIn(this.filesOf(name).leases).some(({ address }) => address === lease.address)) return;
    throw new Error(`dnsmasq did not take it back within ${RELEASE_MS} ms`);
  }
}

const RELEASE_MS = 1_000;

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
