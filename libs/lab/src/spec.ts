/**
 * What a lab consists of: names, addresses, folders. Data only.
 *
 * Everything but one link lives in namespaces without a name on the host (a small keeper process holds each), so the names below cannot conflict with
 * other names on the host. What is visible on the host: the link `plumb-*` and the state folder, which have the lab's name in theirs, and the API's port.
 */
import path from 'node:path';
import { agentsWhere, type AgentKind, type NodeRole } from '@plumbline/contracts';

/** One node of the lab. */
export interface NodeSpec {
  readonly host: string;
  readonly agents: readonly AgentKind[];
  /** What it is admitted as. */
  readonly roles: readonly NodeRole[];
  /** Its address on the management network: NATS is reached from here. */
  readonly managementIp: string;
  /** Its VXLAN tunnel end. */
  readonly tunnelIp: string;
  /** Who answers its guests for metadata (PLUMB_METADATA of its agents); default: nobody. */
  readonly metadata?: string;
}

/** A lab. Two labs may run side by side when name and state folder differ. */
export interface LabSpec {
  readonly name: string;
  /** The clone the programs are taken from. */
  readonly projectDir: string;
  /** All files of the lab: root only. */
  readonly stateDir: string;
  /** The host's end of the only link between host and lab. */
  readonly hostLink: string;
  readonly nodes: readonly NodeSpec[];
}

export const managementNetwork = { address: '172.31.250.1', prefix: 24, natsPort: 4222 } as const;
export const tunnelNetwork = { prefix: 24 } as const;
/** Scenario B's external network; `outside` is its gateway. */
export const externalNetwork = {
  cidr: '10.255.253.0/24',
  gateway: '10.255.253.1',
  prefix: 24,
  pool: { start: '10.255.253.10', end: '10.255.253.250' },
  physicalNetwork: 'physnet1',
  bridge: 'br-ex',
} as const;
export const tenantNetwork = { cidr: '192.168.50.0/24', gateway: '192.168.50.1' } as const;

const onEveryNode = agentsWhere(({ runsOn, byDefault }) => byDefault && runsOn === 'every-node');

/** One network node, which runs every kind of agent that nodes run by default, and two compute nodes. */
export const defaultNodes: readonly NodeSpec[] = [
  {
    host: 'net1',
    agents: agentsWhere(({ byDefault }) => byDefault),
    roles: ['compute', 'network'],
    metadata: 'builtin',
    managementIp: '172.31.250.11',
    tunnelIp: '172.31.251.11',
  },
  { host: 'cmp1', agents: onEveryNode, roles: ['compute'], managementIp: '172.31.250.21', tunnelIp: '172.31.251.21' },
  { host: 'cmp2', agents: onEveryNode, roles: ['compute'], managementIp: '172.31.250.22', tunnelIp: '172.31.251.22' },
];

/**
 * The lab of this name. `stateDir` defaults to `<project>/.plumb/<name>`. Throws on a name that would not fit into a link's name (15 characters).
 */
export function labSpec(options: {
  readonly projectDir: string;
  readonly name?: string;
  readonly stateDir?: string;
  readonly nodes?: readonly NodeSpec[];
}): LabSpec {
  const name = options.name ?? 'lab';
  if (!/^[a-z][a-z0-9]{0,8}$/.test(name)) {
    throw new Error(
      `a lab's name is 1 to 9 small letters and digits, a letter first; this is not: ${JSON.stringify(name)}`,
    );
  }
  return {
    name,
    projectDir: options.projectDir,
    stateDir: options.stateDir ?? path.join(options.projectDir, '.plumb', name),
    hostLink: name === 'lab' ? 'plumb-host' : `plumb-${name}`,
    nodes: options.nodes ?? defaultNodes,
  };
}

/** The node of this name, or undefined. */
export function nodeOf(spec: LabSpec, host: string): NodeSpec | undefined {
  return spec.nodes.find((node) => node.host === host);
}
