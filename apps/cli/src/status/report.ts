/**
 * Collects what `plumb status` shows, from the API only, as any client could: health, agents, routers, objects in ERROR. It makes a few requests in parallel and
 * none for each object. What it cannot get is null, with the reason in `trouble`; the rest is still reported.
 */
import { AGENT_KINDS, agentOf, dhcpServiceOf, type Firewall, firewallOf } from '@plumbline/contracts';
import { z } from 'zod';
import { ApiReader, Refused, Unreachable } from './api-reader.js';
import { type Unenforced, unenforcedOn } from './unenforced.js';

export type AgentStatus = Readonly<{
  host: string;
  /** Its kind; if this release does not know the kind, the name of its program in the API. */
  agent: string;
  alive: boolean;
  heartbeatAt: string;
  adminStateUp: boolean;
  /** in-sync, restored, catching-up, foreign-log. */
  state: string;
  /** Position of its view: the last event that concerned its node. */
  position: number;
  /** Positions from its view to the head of the log. 0 when in sync: later events do not concern its node. */
  behind: number;
  /** Number of objects that are frozen, because the agent does not know an event about them. */
  frozen: number;
  /** Of a message that the agent could not fold, for which it has not got a full view yet; null: there is none. */
  fault: string | null;
  /** What it says is not well on its node, a sentence each; `troubleCount`: how many there are. */
  troubles: readonly string[];
  troubleCount: number;
  /** Machines that report under this host's name and do not own it. */
  refused: readonly Readonly<{ machine: string; reason: string }>[];
  /** An operator lets its node run it; otherwise it is shown and not used. */
  admitted: boolean;
  /** Bridge mappings that its node says it has and was not admitted to. */
  unadmittedMappings: Readonly<Record<string, string>>;
}>;
/** `wanted`: the router is up and has a gateway, so without a node its traffic is missing. */
export type Idle = Readonly<{ id: string; name: string; wanted: boolean }>;
/** `agents`: agents that there are, alive or not; `missing`: ids of networks that none that is alive serves. */
export type Dhcp = Readonly<{ agents: number; networks: number; missing: readonly string[] }>;
export type InError = Readonly<{ kind: string; id: string; name: string; reason: string }>;

export type StatusReport = Readonly<{
  api: Readonly<{ url: string; health: 'ok' | 'degraded' | 'failing' | 'unreachable'; detail: readonly string[] }>;
  /** `none`, `builtin`, `keystone`; null: not known. */
  auth: string | null;
  log: Readonly<{ position: number }> | null;
  /** What Nova has heard or waits for; null: nobody tells it, or not known. */
  nova: string | null;
  agents: readonly AgentStatus[] | null;
  /** Host -> how security groups are enforced there. */
  securityGroups: Readonly<Record<string, Firewall>> | null;
  /** Hosts with bound ports whose rules have no effect. */
  unenforced: readonly Unenforced[] | null;
  routers: Readonly<{ total: number; onNoNode: readonly Idle[] }> | null;
  /** Networks with a subnet that has DHCP; null: not known. */
  dhcp: Dhcp | null;
  inError: readonly InError[] | null;
  /** Ports that are ACTIVE, of whose guests something keeps packets: what, and who can mend it, is the reason. The node is well; their owners are not. */
  hindered: readonly InError[] | null;
  /** Problems, one line each. Empty: all is well. */
  trouble: readonly string[];
}>;

const Check = z.looseObject({
  ok: z.boolean(),
  degraded: z.boolean().optional(),
  detail: z.string().optional(),
  position: z.number().optional(),
});
const HealthReport = z.object({ status: z.string(), checks: z.record(z.string(), Check) });
const Agent = z.object({
  id: z.string(),
  host: z.string(),
  binary: z.string(),
  alive: z.boolean(),
  admin_state_up: z.boolean(),
  heartbeat_timestamp: z.string(),
  configurations: z.looseObject({
    state: z.string(),
    position: z.number(),
    frozen: z.array(z.unknown()).default([]),
    /** Where there are more than `frozen` names. */
    frozen_count: z.number().optional(),
    fault: z.object({ position: z.number(), reason: z.string(), mended: z.boolean() }).optional(),
    troubles: z.array(z.string()).default([]),
    /** Where there are more than `troubles` names. */
    trouble_count: z.number().optional(),
    /** Absent: an agent of the release before, which enforces nothing. */
    firewall: z.string().default('none'),
    refused_machines: z.array(z.object({ machine: z.string(), reason: z.string() })).default([]),
    /** Absent: an API of an older release, which admits everybody. */
    admitted: z.boolean().default(true),
    unadmitted_bridge_mappings: z.record(z.string(), z.string()).default({}),
  }),
});
type Agent = z.infer<typeof Agent>;
const Router = z.object({
  id: z.string(),
  name: z.string(),
  admin_state_up: z.boolean(),
  external_gateway_info: z.object({}).nullable(),
});
const Mode = z.enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless']).nullable();
const Subnet = z.object({
  network_id: z.string(),
  ip_version: z.literal([4, 6]),
  enable_dhcp: z.boolean(),
  ipv6_address_mode: Mode,
  ipv6_ra_mode: Mode,
});
const Broken = z.object({
  id: z.string(),
  name: z.string().optional(),
  floating_ip_address: z.string().optional(),
  status_reason: z.string().nullish(),
});
/** Collections whose objects have a status that nodes report. */
const OBSERVED = { routers: 'router', floatingips: 'floating IP', ports: 'port' } as const;

/** Does not reject when the API or the network fails; only a bug of ours makes it reject. */
export async function gatherStatus(url: string, token: () => Promise<string | null>): Promise<StatusReport> {
  const open = new ApiReader(url, async () => null);
  const nothing = {
    ...{ auth: null, log: null, nova: null, agents: null, securityGroups: null, unenforced: null },
    ...{ routers: null, dhcp: null, inError: null, hindered: null },
  };
  const health = await open.health(HealthReport).catch(unreachable);
  if (health instanceof Unreachable) {
    const api = { url, health: 'unreachable', detail: [] } as const;
    return { api, ...nothing, trouble: [health.message] };
  }
  const checks = Object.entries(health.checks);
  const failing = checks.filter(([, { ok }]) => !ok).map(([name, { detail }]) => `${name}: ${detail ?? 'not ok'}`);
  const away = checks.filter(([, check]) => check.ok && check['connected'] === false);
  const notes = away.map(([name, { detail }]) => `${name}: ${detail ?? 'not connected'}`);
  const worse = checks.filter(([, { ok, degraded }]) => ok && degraded === true);
  notes.push(...worse.map(([name, { detail }]) => `${name}: ${detail ?? 'degraded'}`));
  const status = (['ok', 'degraded'] as const).find((word) => word === health.status) ?? 'failing';
  const api = { url, health: status, detail: [...failing, ...notes] } as const;
  const position = health.checks['database']?.position ?? health.checks['log']?.position;
  const log = position === undefined ? null : { position };
  const base = { ...nothing, api, log, nova: health.checks['nova']?.detail ?? null };
  const trouble = api.detail.map((line) => `the API says: ${line}`);
  try {
    const auth = await open.authentication();
    const reader = new ApiReader(url, auth === 'none' ? async () => null : token);
    const rest = await gathered(reader, position ?? 0);
    return { ...base, auth, ...rest, trouble: [...trouble, ...troubleOf(rest)] };
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    const auth = await open.authentication().catch(() => null);
    return { ...base, auth, trouble: [...trouble, error.message] };
  }
}

const unreachable = (error: unknown): Unreachable => {
  if (error instanceof Unreachable) return error;
  throw error;
};

type Gathered = {
  agents: AgentStatus[];
  securityGroups: Record<string, Firewall>;
  unenforced: Unenforced[];
  routers: { total: number; onNoNode: Idle[] } | null;
  dhcp: Dhcp | null;
  inError: InError[];
  hindered: InError[];
};

async function gathered(reader: ApiReader, head: number): Promise<Gathered> {
  const [agents, routers, subnets, active, ...broken] = await Promise.all([
    reader.list('/v2.0/agents', 'agents', Agent),
    reader.list(
      '/v2.0/routers?fields=id&fields=name&fields=admin_state_up&fields=external_gateway_info',
      'routers',
      Router,
    ),
    reader.list(
      `/v2.0/subnets?enable_dhcp=true${Object.keys(Subnet.shape)
        .map((name) => `&fields=${name}`)
        .join('')}`,
      'subnets',
      Subnet,
    ),
    reader.list('/v2.0/ports?status=ACTIVE&fields=id&fields=name&fields=status_reason', 'ports', Broken),
    ...Object.entries(OBSERVED).map(async ([collection, kind]) =>
      (await reader.list(`/v2.0/${collection}?status=ERROR`, collection, Broken)).map(
        ({ id, name, floating_ip_address, status_reason }): InError => ({
          ...{ kind, id, name: floating_ip_address ?? name ?? '' },
          reason: status_reason ?? 'no reason was reported',
        }),
      ),
    ),
  ]);
  const firewalls = agents
    .filter((agent) => declared(agent)?.describesNode)
    .sort(byHost)
    .map(({ host, configurations }) => [host, firewallOf({ ...configurations, removed: false })] as const);
  const open = firewalls.flatMap(([host, firewall]) => (firewall === 'none' ? [host] : []));
  const carrying = agents.filter((agent) => declared(agent)?.carries === 'router');
  const carried = await Promise.all(
    carrying.map(({ id }) => reader.list(`/v2.0/agents/${id}/l3-routers`, 'routers', z.object({ id: z.string() }))),
  );
  const carriedIds = new Set(carried.flat().map(({ id }) => id));
  const idle = routers.filter(({ id }) => !carriedIds.has(id));
  return {
    agents: agents.map((agent) => statusOf(agent, head)).sort(byHost),
    securityGroups: Object.fromEntries(firewalls),
    unenforced: await unenforcedOn(reader, open),
    // A user who may not see agents cannot see either which routers they carry.
    routers:
      agents.length === 0 && routers.length > 0
        ? null
        : {
            total: routers.length,
            onNoNode: idle.map(({ id, name, admin_state_up, external_gateway_info }) => ({
              ...{ id, name },
              wanted: admin_state_up && external_gateway_info !== null,
            })),
          },
    dhcp: agents.length === 0 && subnets.length > 0 ? null : await dhcpOf(reader, agents, subnets),
    inError: broken.flat(),
    hindered: active.flatMap(({ id, name = '', status_reason: reason }) =>
      reason ? [{ kind: 'port', id, name, reason }] : [],
    ),
  };
}

async function dhcpOf(
  reader: ApiReader,
  agents: readonly Agent[],
  subnets: readonly z.infer<typeof Subnet>[],
): Promise<Dhcp> {
  const networks = new Set(subnets.filter(hasDhcp).map(({ network_id }) => network_id));
  const serving = agents.filter((agent) => declared(agent)?.carries === 'network');
  const lists = await Promise.all(
    serving
      .filter(({ alive }) => alive)
      .map(({ id }) => reader.list(`/v2.0/agents/${id}/dhcp-networks`, 'networks', z.object({ id: z.string() }))),
  );
  const served = new Set(lists.flat().map(({ id }) => id));
  return {
    agents: serving.length,
    networks: networks.size,
    missing: [...networks].filter((id) => !served.has(id)).sort(),
  };
}

const hasDhcp = ({ enable_dhcp, ip_version, ipv6_address_mode, ipv6_ra_mode }: z.infer<typeof Subnet>): boolean =>
  dhcpServiceOf({
    enableDhcp: enable_dhcp,
    ipVersion: ip_version,
    ipv6AddressMode: ipv6_address_mode,
    ipv6RaMode: ipv6_ra_mode,
  }) !== null;

const kindOf = ({ binary }: Agent) => AGENT_KINDS.find((kind) => agentOf(kind).binary === binary);
const declared = (agent: Agent) => {
  const kind = kindOf(agent);
  return kind && agentOf(kind);
};
const byHost = (a: { host: string; agent?: string }, b: { host: string; agent?: string }): number =>
  `${a.host} ${a.agent ?? ''}` < `${b.host} ${b.agent ?? ''}` ? -1 : 1;

function statusOf(agent: Agent, head: number): AgentStatus {
  const { state, position, frozen, frozen_count, fault, troubles, trouble_count, refused_machines } =
    agent.configurations;
  return {
    host: agent.host,
    agent: kindOf(agent) ?? agent.binary,
    alive: agent.alive,
    heartbeatAt: `${agent.heartbeat_timestamp.replace(' ', 'T')}Z`,
    adminStateUp: agent.admin_state_up,
    state,
    position,
    behind: state === 'in-sync' ? 0 : Math.max(0, head - position),
    frozen: frozen_count ?? frozen.length,
    fault: fault && !fault.mended ? `at position ${fault.position}: ${fault.reason}` : null,
    troubles,
    troubleCount: trouble_count ?? troubles.length,
    refused: refused_machines,
    admitted: agent.configurations.admitted,
    unadmittedMappings: agent.configurations.unadmitted_bridge_mappings,
  };
}

function troubleOf({ agents, unenforced, routers, dhcp, inError }: Gathered): string[] {
  const lines: string[] = [];
  if (agents.length === 0)
    lines.push('no agent is seen: none has reported yet, or these credentials are not those of an administrator');
  for (const each of agents) {
    const { host, agent, alive, heartbeatAt, state, behind, frozen, fault, troubles, troubleCount, refused } = each;
    const { admitted, unadmittedMappings } = each;
    const who = `the ${agent} agent of ${host}`;
    if (!admitted) lines.push(`${who} was not admitted, and nothing new comes to it: see "plumb node show ${host}"`);
    for (const [network, bridge] of Object.entries(unadmittedMappings))
      lines.push(`${host} maps ${network} to ${bridge}, and was not admitted to it: see "plumb node show ${host}"`);
    if (!alive) lines.push(`${who} is silent since ${heartbeatAt}`);
    else if (state !== 'in-sync') lines.push(`${who} is ${state}, ${behind} positions behind the log`);
    if (fault !== null) lines.push(`${who} cannot take in a message ${fault}`);
    // What a silent agent last said may be mended by now.
    if (alive) {
      for (const trouble of troubles) lines.push(`${host}: ${trouble}`);
      if (troubleCount > troubles.length) lines.push(`${host}: ${troubleCount - troubles.length} more like these`);
    }
    for (const { machine, reason } of refused)
      lines.push(
        `${who}: machine ${machine || 'without identity'} is refused: ${reason} (see "plumb node show ${host}")`,
      );
    if (frozen > 0) lines.push(`${who} leaves ${frozen} objects as they are: it does not know an event about them`);
  }
  for (const { host, ports } of unenforced)
    lines.push(`${host} does not enforce security groups: the rules of ${ports} ports bound there have no effect`);
  for (const { id, name, wanted } of routers?.onNoNode ?? [])
    if (wanted) lines.push(`router ${label(name, id)} has a gateway and is on no node`);
  // Where there is no agent at all nobody has asked for DHCP yet: then it is told and is no trouble.
  if (dhcp && dhcp.agents > 0)
    for (const id of dhcp.missing)
      lines.push(`network ${id} has DHCP and no DHCP agent that is alive serves it: its ports come up without`);
  for (const { kind, id, name, reason } of inError) lines.push(`${kind} ${label(name, id)} is in ERROR: ${reason}`);
  return lines;
}

/** A name where there is one, and the id. */
export const label = (name: string, id: string): string => (name === '' ? id : `${name} (${id})`);
