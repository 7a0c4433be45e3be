/**
 * From what is wanted and found of one network to tasks. Pure. What a task needs:
 *
 *   netns ◄── link ◄── port (of the switch)
 *               ▲
 *               ├── address of the device, route
 *               └── leases ◄── process (dnsmasq)
 *
 * Leases that are not right any more go before dnsmasq reads the new hosts: by the hosts file that is there it is known whose they were, and if the agent ends in
 * between they are found again. Removal is the other way round: the process, then its port, link and namespace.
 */
import type { Address } from '@plumbline/l3-core';
import { processOwner, processTasks } from '@plumbline/processes';
import type { Refusal, Stage, Task } from '@plumbline/reconcile';
import type { DhcpStep, NodeStep } from './driver.js';
import { dhcpNetns, dnsmasqName, networkOfProcess } from './marks.js';
import type { DhcpFound, DhcpState, FoundDhcp, FoundLease, FoundLink } from './state.js';

export type DhcpTask = Task<DhcpStep>;

export const DHCP_STAGES: readonly Stage[] = [
  { name: 'build', batch: 'unit' },
  { name: 'plug', batch: 'all' },
  { name: 'configure', batch: 'unit' },
  { name: 'leases', batch: 'unit' },
  { name: 'processes', batch: 'all' },
  { name: 'sweep', batch: 'unit' },
];

/** Unit of ports of the switch that belong to no network that is wanted. */
export const ORPHANS = 'ports';

export const netnsOwner = (id: string): string => `${id}/netns`;
export const linkOwner = (id: string): string => `${id}/link`;
export const portOwner = (id: string): string => `${id}/port`;
export const addressOwner = (id: string, address: string): string => `${id}/address/${address}`;

/** Tasks of one network; `wanted` null: nothing of it is to be left. */
export function planDhcp(
  id: string,
  wanted: DhcpState | null,
  found: DhcpFound,
): { tasks: DhcpTask[]; refused: Refusal[] } {
  const unreadable = found.unreadable.get(id);
  if (unreadable !== undefined)
    return {
      tasks: [],
      refused: [
        { unit: id, owner: netnsOwner(id), reason: `namespace ${dhcpNetns(id)} cannot be read: ${unreadable}` },
      ],
    };
  const processes = processTasks(wanted ? [{ ...wanted.process, needs: [linkOwner(id)] }] : [], onlyOf(id, found), {
    stage: 'processes',
    unitOf: networkOfProcess,
  });
  if (!wanted) return { tasks: [...processes, ...removal(id, found)], refused: [] };
  const { tasks, refused } = device(wanted, found);
  return { tasks: [...tasks, ...leases(wanted, found), ...processes, ...others(wanted, found)], refused };
}

/**
 * The processes of one network, so that nothing is said of others. Of a program that is not in the network's namespace nothing is as it was started: it is started
 * anew.
 */
function onlyOf(id: string, { namespaces, processes }: DhcpFound): DhcpFound['processes'] {
  const stray = namespaces.get(id)?.strayProcess !== false;
  return {
    processes: processes.processes
      .filter(({ name }) => networkOfProcess(name) === id)
      .map((each) => (stray ? { ...each, digest: '' } : each)),
    folders: new Map([...processes.folders].filter(([name]) => networkOfProcess(name) === id)),
  };
}

function device(wanted: DhcpState, found: DhcpFound): { tasks: DhcpTask[]; refused: Refusal[] } {
  const { id, netns, device: name, outside, mac, mtuBytes, port } = wanted;
  const tasks: DhcpTask[] = [];
  const add = (stage: string, owner: string, step: NodeStep, more: Partial<DhcpTask> = {}): void => {
    tasks.push({ stage, unit: id, owner, step, ...more });
  };
  const have = found.namespaces.get(id);
  if (!have) add('build', netnsOwner(id), { op: 'add-netns', netns });

  const differing = (keep: (key: string) => boolean): Record<string, string> =>
    Object.fromEntries(
      Object.entries(wanted.sysctls).filter(([key, value]) => keep(key) && have?.sysctls[key] !== value),
    );
  // A device gets its values from `default` when it is born.
  const before = differing((key) => key.includes('/default/'));
  const needsNetns = { needs: [netnsOwner(id)] };
  if (Object.keys(before).length > 0)
    add('build', linkOwner(id), { op: 'set-sysctls', netns, values: before }, needsNetns);

  const link = have?.links.find((each) => each.device === name);
  const outer = found.outsides.get(outside);
  const whole = link !== undefined && link.outside === outside;
  if (!whole) {
    if (link) add('build', linkOwner(id), { op: 'remove-device', netns, device: name }, needsNetns);
    if (outer) add('build', linkOwner(id), { op: 'remove-link', outside }, needsNetns);
    add('build', linkOwner(id), { op: 'add-link', netns, device: name, outside, mac, mtuBytes }, needsNetns);
  } else if (outer && (!outer.up || outer.mtuBytes !== mtuBytes))
    add('build', linkOwner(id), { op: 'set-outside', outside, mtuBytes }, needsNetns);
  if (!whole || outer?.ipv6 !== false) add('build', linkOwner(id), { op: 'silence-outside', outside }, needsNetns);
  const after = differing((key) => !key.includes('/default/'));
  if (Object.keys(after).length > 0)
    add('configure', linkOwner(id), { op: 'set-sysctls', netns, values: after }, needsNetns);

  const refused: Refusal[] = [];
  const plugged = found.ports.get(outside);
  const right =
    plugged?.ours === true &&
    plugged.portId === port.portId &&
    plugged.mac === port.mac &&
    plugged.position === port.position;
  const needsLink = { needs: [linkOwner(id)] };
  if (!found.bridge)
    refused.push({
      unit: id,
      owner: portOwner(id),
      reason: 'bridge br-int does not exist yet: the OVS agent makes it',
    });
  else if (!right || !whole) {
    // A port that is there opened a device that is gone.
    if (plugged && !whole) add('plug', portOwner(id), { op: 'remove-port', outside }, needsLink);
    add('plug', portOwner(id), { op: 'add-port', outside, port }, needsLink);
  }

  if (!have?.loUp) add('configure', linkOwner(id), { op: 'set-loopback-up', netns }, needsNetns);
  // Not every path of a virtual switch finishes a checksum, and clients read DHCP answers from raw sockets.
  if (!whole || link.txChecksum)
    add('configure', linkOwner(id), { op: 'set-tx-checksum', netns, device: name, on: false }, needsNetns);
  if (!whole || !link.up || link.mac !== mac || link.mtuBytes !== mtuBytes)
    add('configure', linkOwner(id), { op: 'set-link', netns, device: name, mac, mtuBytes, up: true }, needsNetns);
  const there = whole ? link : null;
  tasks.push(...addresses(wanted, there), ...routes(wanted, there && have));
  return { tasks, refused };
}

function addresses({ id, netns, device: name, addresses: all }: DhcpState, link: FoundLink | null): DhcpTask[] {
  const task = ({ address, broadcast }: Address): DhcpTask => ({
    stage: 'configure',
    unit: id,
    owner: addressOwner(id, address),
    needs: [linkOwner(id)],
    step: { op: 'add-address', netns, device: name, address, broadcast },
  });
  const extra = (link?.addresses ?? []).filter((text) => !all.some(({ address }) => address === text));
  return [
    ...all.filter(({ address }) => !link?.addresses.includes(address)).map(task),
    ...extra.map((address): DhcpTask => ({
      stage: 'configure',
      unit: id,
      owner: addressOwner(id, address),
      removes: true,
      step: { op: 'remove-address', netns, device: name, address },
    })),
  ];
}

function routes({ id, netns, device: name, routes: all }: DhcpState, have: FoundDhcp | null | undefined): DhcpTask[] {
  const text = ({ version, via }: { version: 4 | 6; via: string }): string => `${version} ${via}`;
  const found = have?.routes ?? [];
  const missing = all.filter((each) => !found.some((other) => text(other) === text(each) && other.device === name));
  const extra = found.filter((each) => !all.some((other) => text(other) === text(each)));
  const owner = (version: 4 | 6): string => `${id}/route/${version}`;
  return [
    ...extra.map(({ version, via, device: on }): DhcpTask => ({
      stage: 'configure',
      unit: id,
      owner: owner(version),
      removes: true,
      step: {
        op: 'remove-route',
        netns,
        version,
        destination: 'default',
        hops: [{ via, device: on }],
        type: 'unicast',
        table: 'main',
        kernel: false,
        source: null,
        metric: null,
        plain: true,
      },
    })),
    ...missing.map(({ version, via }): DhcpTask => ({
      stage: 'configure',
      unit: id,
      owner: owner(version),
      needs: [linkOwner(id)],
      step: { op: 'replace-route', netns, version, destination: 'default', hops: [{ via, device: name }] },
    })),
  ];
}

/** Leases whose holder has the address no more. Of IPv6 the guest's MAC is not in the lease: there the last hosts file says who had it. */
function leases(wanted: DhcpState, found: DhcpFound): DhcpTask[] {
  const { id, netns, device: name, holders } = wanted;
  const process = dnsmasqName(id);
  const had = found.holders.get(id);
  const stale = (found.leases.get(id) ?? []).filter((lease) => {
    const holder = holders.get(lease.address);
    if (holder === undefined) return true;
    return holder !== (lease.version === 4 ? lease.mac : (had?.get(lease.address) ?? holder));
  });
  const task = (owner: string, step: DhcpStep): DhcpTask => ({
    stage: 'leases',
    unit: id,
    owner,
    step,
    needs: [linkOwner(id)],
  });
  if (stale.length === 0) return [];
  if (!found.processes.processes.some((each) => each.name === process && each.main))
    return [task(`${id}/leases`, { op: 'forget-leases', process })];
  return stale.map((lease) =>
    task(`${id}/lease/${lease.address}`, { op: 'release-lease', netns, device: name, lease }),
  );
}

export const leaseText = (lease: FoundLease): string =>
  lease.version === 4 ? `${lease.address} of ${lease.mac}` : `${lease.address} of ${lease.duid}`;

/** Devices of ours in the namespace that are not the wanted one: of a port that the server had before. */
function others({ id, netns, device: name }: DhcpState, found: DhcpFound): DhcpTask[] {
  return (found.namespaces.get(id)?.links ?? [])
    .filter((link) => link.device !== name)
    .flatMap((link) => gone(id, netns, link, found, []));
}

function gone(id: string, netns: string, link: FoundLink, found: DhcpFound, needs: readonly string[]): DhcpTask[] {
  const { outside, device: name } = link;
  const common = { stage: 'sweep', unit: id, owner: `${id}/sweep`, removes: true, needs } as const;
  if (outside === null) return [{ ...common, step: { op: 'remove-device', netns, device: name } }];
  const port: DhcpTask[] = found.ports.get(outside)?.ours ? [{ ...common, step: { op: 'remove-port', outside } }] : [];
  return [...port, { ...common, step: { op: 'remove-link', outside } }];
}

function removal(id: string, found: DhcpFound): DhcpTask[] {
  const have = found.namespaces.get(id);
  if (!have) return [];
  const netns = dhcpNetns(id);
  const needs = [processOwner(dnsmasqName(id))];
  return [
    ...have.links.flatMap((link) => gone(id, netns, link, found, needs)),
    { stage: 'sweep', unit: id, owner: `${id}/sweep`, needs, removes: true, step: { op: 'remove-netns', netns } },
  ];
}

/** Ports of ours on the switch without a network that is wanted or found. */
export function planOrphans(wanted: readonly DhcpState[], found: DhcpFound): DhcpTask[] {
  const known = new Set([
    ...wanted.map(({ outside }) => outside),
    ...[...found.namespaces.values()].flatMap(({ links }) => links.flatMap(({ outside }) => outside ?? [])),
  ]);
  return [...found.ports.values()]
    .filter(({ name, ours }) => ours && !known.has(name))
    .map(({ name }) => ({
      stage: 'sweep',
      unit: ORPHANS,
      owner: `${ORPHANS}/${name}`,
      removes: true,
      step: { op: 'remove-port', outside: name },
    }));
}
