/**
 * The DHCP port on a real node. Namespaces, links and addresses are made by the L3 agent's driver, whose steps they are; programs by libs/processes; leases are
 * given back by dnsmasq's own tools, which send what a guest would send.
 */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DHCP_PORT_OWNER,
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
import { outsideOf, outsideSysctl } from '@plumbline/l3-core';
import { NodeL3Driver, observeLinks, OvsdbPorts, readOutsides } from '@plumbline/l3-driver';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import type { Processes, SupervisionStep } from '@plumbline/processes';
import { leasesIn } from './leases.js';
import { foundDhcp, observeNamespaces, readNamespace, type RawDhcp } from './observe.js';

export type NodeDhcpOptions = Readonly<{
  /** As in DhcpTerms. */
  owner: string;
  runDir?: string;
}>;

/** Close it when done. */
export class NodeDhcpDriver implements DhcpDriver {
  private readonly node: NodeL3Driver;
  private readonly ports: OvsdbPorts;

  constructor(
    private readonly runner: Runner,
    mirror: OvsdbMirror,
    private readonly processes: Processes,
    private readonly options: NodeDhcpOptions,
  ) {
    this.ports = new OvsdbPorts(mirror, DHCP_PORT_OWNER);
    this.node = new NodeL3Driver(runner, this.ports);
  }

  close(): void {
    this.node.close();
  }

  async observe(networks: ReadonlySet<string> | 'all', outsides: readonly string[]): Promise<DhcpFound> {
    const { runner } = this;
    const [there, processes] = await Promise.all([observeNamespaces(runner), this.processes.observe()]);
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
    const names = [...new Set([...outsides, ...inner.map(outsideOf)])];
    const links = await observeLinks(runner, names);
    const devices = [...links.values()].map(({ ifname }) => ifname.replace(/^tap/, 'ns-'));
    const silent = devices.length > 0 ? await readOutsides(runner, devices) : new Map<string, string>();
    const files = [...processes.folders.keys()].map((name) => [networkOfProcess(name), this.filesOf(name)] as const);
    return {
      bridge: observed.bridge,
      ports: observed.ports,
      namespaces: new Map([...raw].map(([id, each]) => [id, foundDhcp(each, links)])),
      unreadable,
      outsides: new Map(
        [...links.values()].map(({ ifname, flags = [], mtu = 0 }) => [
          ifname,
          { up: flags.includes('UP'), mtuBytes: mtu, ipv6: (silent.get(outsideSysctl(ifname)) ?? '1') !== '1' },
        ]),
      ),
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
    if (step.op === 'forget-leases')
      return rmSync(leasesFile(this.options.owner, step.process, this.options.runDir), { force: true });
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
    await this.untilGiven(step);
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
