/**
 * A router's plan in the engine's words (@plumbline/reconcile): the owner of each step, what it needs, and in which stage it is done. plan.ts says why the
 * order is as it is; here is which step needs which, so that one refused route, address, parameter or rule set harms nothing else:
 *
 *   namespace ──► everything
 *   link ──► its switch port, parameters, checksums, addresses, routes         an interface's or the gateway's
 *   IPv4 rules ──► forwarding of IPv4, IPv4 addresses, ends of connections     without rules nothing is forwarded, and nothing is answered for
 *   IPv6 rules ──► forwarding of IPv6, IPv6 addresses
 *   an address ──► its announcement, routes whose next hop is on its subnet, and that the subnet addresses before it go
 *   ends of connections ──► that their notes and their address go
 *   a route ──► that the one it takes the place of goes (IPv6)
 *   link, IPv6 rules ──► the program that advertises the interface           its steps are not in the plan: radvd.ts
 *   the end of programs ──► that their namespace goes
 */
import { cidrContains } from '@plumbline/contracts';
import { Stage, Task } from '@plumbline/reconcile';
import { L3Step } from './driver.js';
import { outsideOf } from './marks.js';
import { RouterPlan, STAGES } from './plan.js';
import { Edit, Table, TableName } from './rule.js';
import { Route, RouterState } from './state.js';
import { IP_FORWARD } from './sysctls.js';

/**
 * The stages of plan.ts; `configure` in parts, each of which is one process a router or less; parameters and offload are one for all routers. Rules are not repeated: `iptables-restore` adds to what it finds. OVS needs
 * time to open devices; meanwhile the namespaces are configured. A neighbour that misses an announcement learns the address when its ARP entry ends. Announced is right behind
 * the addresses: who asked too early asks again after a second, and would wait for connections that end, which takes some ten milliseconds to hundreds.
 */
export const L3_STAGES: readonly Stage[] = [
  { name: 'withdraw', batch: 'all' },
  { name: 'build', batch: 'all' },
  { name: 'quiet', batch: 'all' },
  { name: 'plug', batch: 'all', beside: true },
  { name: 'rules', batch: 'unit', alone: true },
  { name: 'mtu', batch: 'unit' },
  { name: 'parameters', batch: 'all' },
  { name: 'offload', batch: 'all' },
  { name: 'addresses', batch: 'unit' },
  { name: 'announce', batch: 'all', optional: true },
  { name: 'connections', batch: 'unit', alone: true },
  { name: 'notes', batch: 'unit', alone: true },
  { name: 'leaving', batch: 'unit' },
  { name: 'unplug', batch: 'all' },
  { name: 'silence', batch: 'all' },
  { name: 'remove', batch: 'all' },
  { name: 'advertise', batch: 'all' },
];

export type L3Task = Task<L3Step>;

export const namespaceOf = (routerId: string): string => `${routerId} namespace`;
export const linkOf = (routerId: string, outside: string): string => `${routerId} link ${outside}`;
export const rulesOwner = (routerId: string, version: 4 | 6): string => `${routerId} rules ${version}`;
const addressOwner = (routerId: string, device: string, address: string): string =>
  `${routerId} address ${device} ${address}`;
const routeOwner = (routerId: string, { version, destination }: { version: 4 | 6; destination: string }): string =>
  `${routerId} route ${version} ${destination}`;

/** Stands for a next hop that no kernel takes; never applied. */
export const badHopTask = ({ id, netns }: RouterState, { version, destination, via, device }: Route): L3Task => ({
  step: { op: 'replace-route', netns, version, destination, hops: [{ via, device }] },
  stage: 'addresses',
  unit: id,
  owner: `${id} next hop ${destination} ${via}`,
});

const tableOwner = (routerId: string, version: 4 | 6, table: TableName): string =>
  `${routerId} table ${version} ${table}`;

/** Stands for all rules of a table that cannot be read; never applied. */
export const tableTask = ({ id, netns }: RouterState, version: 4 | 6, { table, chains }: Table): L3Task => {
  const edits = chains.flatMap(({ rules }) => rules.map((rule): Edit => ({ edit: 'append', rule })));
  return {
    step: { op: 'restore', netns, version, lines: [], edits: [{ table, edits }] },
    stage: 'rules',
    unit: id,
    owner: tableOwner(id, version, table),
  };
};

const isFloating = (address: string): boolean => address.endsWith('/32');
const ipOf = (address: string): string => address.slice(0, address.indexOf('/'));
const versionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/**
 * `wanted`: null when the router is to be removed, or is not known. `programs`: those that must have ended before the namespace goes. Tasks are in the order of the
 * plan.
 */
export function tasksOf(plan: RouterPlan, wanted: RouterState | null, programs: readonly string[] = []): L3Task[] {
  const unit = plan.routerId;
  const devices = wanted?.links.map(({ device }) => device) ?? [];
  const added = new Map<string, string>();
  const connections: string[] = [];
  const routes = new Set<string>();
  for (const step of plan.configure) {
    if (step.op === 'add-address')
      added.set(`${step.device} ${ipOf(step.address)}`, addressOwner(unit, step.device, step.address));
    if (step.op === 'end-connections' || step.op === 'end-forwarded') connections.push(connectionsOwner(unit, step));
    if (step.op === 'end-untranslated') connections.push(untranslatedOwner(unit, step));
    if (step.op === 'replace-route') routes.add(routeOwner(unit, step));
  }
  const namespace = namespaceOf(unit);
  const link = (device: string): string => linkOf(unit, outsideOf(device));
  const rules = (version: 4 | 6): string => rulesOwner(unit, version);
  const task = (step: L3Step, stage: string, owner: string, ...needs: string[]): L3Task => ({
    step,
    stage,
    unit,
    owner,
    needs,
  });
  const removal = (step: L3Step, stage: string, what: string, ...needs: string[]): L3Task => ({
    ...task(step, stage, `${unit} going ${what}`, ...needs),
    removes: true,
  });

  const nextHop = (device: string, via: string | null): string[] => {
    if (via === null) return [];
    const addresses = wanted?.links.find((each) => each.device === device)?.addresses ?? [];
    const near = addresses.filter(({ address }) => cidrContains(address, via));
    if (near.length > 0) return near.map(({ address }) => addressOwner(unit, device, address));
    const version = versionOf(via);
    return [routeOwner(unit, { version, destination: `${via}/${version === 4 ? 32 : 128}` })];
  };

  const policyOwner = ({ version, priority }: { version: 4 | 6; priority: number }): string =>
    `${unit} policy rule ${version} ${priority}`;

  const configured = (step: L3Step): L3Task[] => {
    switch (step.op) {
      case 'restore':
        return step.edits.length > 0 && plan.configure.indexOf(step) > 0 && isNotes(plan, step)
          ? [task(step, 'notes', `${unit} notes`, namespace, rules(4), ...connections)]
          : [task(step, 'rules', rules(step.version), namespace)];
      case 'set-sysctls': {
        const parameter = (key: string, values: Readonly<Record<string, string>>): L3Task =>
          task(
            { ...step, values },
            'parameters',
            `${unit} parameter ${key}`,
            ...parameterNeeds(key, devices, { namespace, link, rules }),
          );
        // In one write with the parameters that it resets.
        if (Object.hasOwn(step.values, IP_FORWARD)) return [parameter(IP_FORWARD, step.values)];
        return Object.entries(step.values).map(([key, value]) => parameter(key, { [key]: value }));
      }
      case 'set-tx-checksum':
        return [task(step, 'offload', `${unit} checksums ${step.device}`, namespace, link(step.device))];
      case 'set-mtu':
        return [task(step, 'mtu', `${unit} MTU ${step.device}`, namespace, link(step.device))];
      case 'reset-queue':
        return [task(step, 'offload', `${unit} queue ${step.device}`, namespace, link(step.device))];
      case 'add-policy-rule':
        return [task(step, 'offload', policyOwner(step), namespace)];
      case 'remove-policy-rule':
        return [{ ...task(step, 'offload', policyOwner(step), namespace), removes: true }];
      case 'set-loopback-up':
        return [task(step, 'addresses', `${unit} loopback`, namespace)];
      case 'set-link':
        return [task(step, 'addresses', link(step.device), namespace)];
      case 'add-address': {
        const owner = addressOwner(unit, step.device, step.address);
        const version = versionOf(step.address);
        const tables = (['mangle', 'raw', 'filter', 'nat'] as const).map((each) => tableOwner(unit, version, each));
        return [task(step, 'addresses', owner, namespace, link(step.device), rules(version), ...tables)];
      }
      case 'remove-address': {
        const { device, address } = step;
        const again = added.get(`${device} ${ipOf(address)}`);
        // To be added again with another broadcast address.
        if (again === addressOwner(unit, device, address))
          return [task(step, 'addresses', again, namespace, link(device))];
        const instead = isFloating(address)
          ? []
          : plan.configure.flatMap((each) =>
              each.op === 'add-address' && each.device === device && !isFloating(each.address)
                ? [addressOwner(unit, device, each.address)]
                : [],
            );
        const mine = connections.filter((owner) => owner.startsWith(`${unit} connections ${ipOf(address)} `));
        const stage = connections.length > 0 ? 'leaving' : 'addresses';
        return [removal(step, stage, `address ${device} ${address}`, ...instead, ...mine)];
      }
      case 'replace-route':
        return [
          task(
            step,
            'addresses',
            routeOwner(unit, step),
            namespace,
            ...step.hops.flatMap(({ via, device }) => [link(device), ...nextHop(device, via)]),
          ),
        ];
      case 'restore-route': {
        const owner = `${unit} kernel's route ${step.type} ${step.destination} ${step.device}`;
        return [task(step, 'addresses', owner, namespace, link(step.device))];
      }
      case 'remove-route': {
        const { version, destination, type, table, hops, metric } = step;
        const instead = routeOwner(unit, step);
        const by = hops.map(({ via, device }) => `${via} ${device}`).join();
        const what = `route ${version} ${type} ${destination} ${by} ${table} ${metric}`;
        return [removal(step, 'addresses', what, ...(routes.has(instead) ? [instead] : []))];
      }
      case 'remove-neighbour':
        return [removal(step, 'addresses', `neighbour ${step.device} ${step.address} ${step.proxy}`)];
      case 'end-connections':
      case 'end-forwarded':
        return [{ ...task(step, 'connections', connectionsOwner(unit, step), rules(4)), unseen: true }];
      case 'end-untranslated':
        return [{ ...task(step, 'connections', untranslatedOwner(unit, step), rules(4)), unseen: true }];
      case 'farewell': {
        const owner = `${unit} farewell ${step.devices.join()}`;
        return [{ ...task(step, 'connections', owner, rules(4)), unseen: true }];
      }
      // Steps of other stages. Listed, so that the compiler asks where a new step belongs.
      case 'add-netns':
      case 'remove-netns':
      case 'add-link':
      case 'remove-link':
      case 'remove-device':
      case 'set-outside':
      case 'silence-outside':
      case 'add-port':
      case 'remove-port':
      case 'announce':
      case 'process':
        return [task(step, 'addresses', `${unit} ${step.op}`, namespace)];
    }
  };

  return STAGES.flatMap((stage): L3Task[] =>
    plan[stage].flatMap((step): L3Task[] => {
      switch (stage) {
        case 'build':
          if ('outside' in step) return [task(step, stage, linkOf(unit, step.outside), namespace)];
          return [task(step, stage, 'device' in step ? link(step.device) : namespace)];
        case 'quiet':
          return 'outside' in step ? [task(step, stage, linkOf(unit, step.outside), namespace)] : [];
        case 'plug':
          return 'outside' in step
            ? [task(step, stage, `${unit} port ${step.outside}`, namespace, linkOf(unit, step.outside))]
            : [];
        case 'configure':
          return configured(step);
        case 'announce': {
          if (step.op !== 'announce') return [];
          const address = added.get(`${step.device} ${step.address}`);
          const needs = [namespace, link(step.device), ...(address ? [address] : [])];
          return [
            { ...task(step, stage, `${unit} announcement ${step.device} ${step.address}`, ...needs), unseen: true },
          ];
        }
        case 'unplug':
          return 'outside' in step ? [removal(step, stage, `port ${step.outside}`)] : [];
        case 'remove': {
          // Once its link is gone, no later plan of the router would find the port: the port goes first.
          const ports = plan.unplug.flatMap((each) => ('outside' in each ? [each.outside] : []));
          const mine = 'outside' in step ? ports.filter((outside) => outside === step.outside) : ports;
          const what =
            'outside' in step ? `link ${step.outside}` : 'device' in step ? `device ${step.device}` : 'namespace';
          const first = step.op === 'remove-netns' ? programs : [];
          return [removal(step, stage, what, ...mine.map((outside) => `${unit} going port ${outside}`), ...first)];
        }
      }
    }),
  );
}

const connectionsOwner = (unit: string, step: Extract<L3Step, { op: 'end-connections' | 'end-forwarded' }>): string =>
  step.op === 'end-connections'
    ? `${unit} connections ${step.address} all`
    : `${unit} connections ${step.address} ${step.protocol} ${step.ports?.first ?? ''}-${step.ports?.last ?? ''} ${step.answeredBy}`;

const untranslatedOwner = (unit: string, { addresses }: Extract<L3Step, { op: 'end-untranslated' }>): string =>
  `${unit} connections from before ${addresses?.join() ?? 'all'}`;

/** True for the restore that removes notes: it comes after the connections that they are about have been ended. */
function isNotes({ configure }: RouterPlan, step: L3Step): boolean {
  const at = configure.indexOf(step);
  return configure.slice(0, at).some(({ op }) => op === 'end-connections' || op === 'end-forwarded');
}

function parameterNeeds(
  key: string,
  devices: readonly string[],
  on: { namespace: string; link: (device: string) => string; rules: (version: 4 | 6) => string },
): string[] {
  if (key === IP_FORWARD) return [on.namespace, on.rules(4)];
  if (key === 'net/ipv6/conf/all/forwarding') return [on.namespace, on.rules(6)];
  const device = devices.find((each) => key.includes(`/${each}/`));
  return device === undefined ? [on.namespace] : [on.namespace, on.link(device)];
}
