/**
 * Agents are not in the log: a row is what the agent last reported. Times have a blank and no time zone, the only form that some clients can read.
 */
import {
  type Admission,
  AGENT_KINDS,
  type AgentDeclaration,
  AgentKind,
  agentOf,
  agentsAdmitted,
  agentsWhere,
  type CarriedKind,
  unadmittedMappings,
} from '@plumbline/contracts';
import { agentNotFound, DEFAULT_ZONE } from '@plumbline/domain';
import { bool, orNull, text, uuid } from '../types/attribute-types.js';
import { ALIVE_SECONDS, IS_ALIVE } from '../alive.js';
import { read, reading } from '../computed/computed.js';
import { type Attribute, type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import type { UpdateInput } from '../input.js';
import type { Tables } from '../tables.js';
import { constant, SHOWN } from './standard.js';

const typesOf = (kinds: readonly AgentKind[]): string[] => kinds.map((kind) => agentOf(kind).type);
const TYPES = typesOf(AGENT_KINDS);
const ZONED = typesOf(agentsWhere(({ carries }) => carries !== null));

/** SQL for one property of the row's kind of agent. A kind that only a newer release knows shows its own name. */
const byKind = (sqlOf: (agent: AgentDeclaration, kind: AgentKind) => string, otherwise = 'o.kind'): string =>
  `CASE o.kind ${AGENT_KINDS.map((kind) => `WHEN '${kind}' THEN ${sqlOf(agentOf(kind), kind)}`).join(' ')} ELSE ${otherwise} END`;

const TYPE = byKind(({ type }) => `'${type}'`);
const BINARY = byKind(({ binary }) => `'${binary}'`);
const TOPIC = byKind(({ topic }) => `'${topic}'`, `'N/A'`);
const ZONE = byKind(
  ({ carries }) => (carries === null ? 'NULL' : `coalesce(o.availability_zone, '${DEFAULT_ZONE}')`),
  'NULL',
);
const ALIVE = `(o.${IS_ALIVE})`;
const time = (column: string) => `to_char(o.${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')`;

const column = (name: string, sql: string, about: string, rest: Partial<Attribute> = {}): Attribute => ({
  name,
  type: text(),
  sql,
  filter: true,
  sort: true,
  show: (row) => row[name],
  about,
  ...rest,
});

/** The count of objects that an agent carries, under the reference's name. */
const CARRIED: Readonly<Record<CarriedKind, (tables: Tables) => string>> = {
  router: (
    tables,
  ) => `(SELECT jsonb_build_object('routers', count(*), 'ex_gw_ports', count(nullif(r.doc -> 'gateway', 'null')),
        'interfaces', coalesce(sum((SELECT count(*) FROM jsonb_object_keys(r.doc -> 'interfaces'))), 0),
        'floating_ips', coalesce(sum((SELECT count(*) FROM ${tables.of('floatingip')} f
          WHERE f.doc @> jsonb_build_object('association', jsonb_build_object('routerId', r.id)))), 0))
      FROM ${tables.of('router')} r WHERE r.doc @> jsonb_build_object('host', o.host))`,
  network: (tables) => `(SELECT jsonb_build_object('networks', count(DISTINCT p.doc ->> 'networkId'),
        'subnets', coalesce(sum(jsonb_array_length(p.doc -> 'fixedIps')), 0))
      FROM ${tables.of('port')} p
      WHERE p.doc @> jsonb_build_object('servesDhcp', true, 'binding', jsonb_build_object('host', o.host)))`,
};
const counts = (tables: Tables): string =>
  byKind(({ carries, counts: counted }, kind) => {
    const reported = Object.entries(counted).map(
      ([name, object]) => `(SELECT jsonb_build_object('${name}', count(*)) FROM ${tables.objectStatus} d
        WHERE d.host = o.host AND d.agent_kind = '${kind}' AND d.object_kind = '${object}' AND d.status = 'ACTIVE')`,
    );
    return [...(carries === null ? [] : [CARRIED[carries as CarriedKind](tables)]), ...reported, `'{}'::jsonb`].join(
      ' || ',
    );
  }, `'{}'::jsonb`);

/** Machines that were heard lately under the host's name and do not own it. */
const refused = (tables: Tables): string =>
  `(SELECT coalesce(jsonb_agg(jsonb_build_object('machine', n.machine, 'reason', n.reason, 'heard_at', ${time('heard_at').replace('o.', 'n.')}) ORDER BY n.machine), '[]')
      FROM ${tables.nodeRefused} n WHERE n.host = o.host AND n.agent_kind = o.kind AND n.heard_at > now() - interval '${ALIVE_SECONDS} seconds')`;

/** What an operator lets the node of an agent do. */
const admission = (tables: Tables): string => `(SELECT x.doc FROM ${tables.of('admission')} x WHERE x.id = o.host)`;

/** Whether an operator lets its node run an agent of this kind; others are shown, and not used. */
export function isAdmittedAgent(row: Row): boolean {
  const { roles } = (row['admission'] ?? { roles: [] }) as Pick<Admission, 'roles'>;
  return (agentsAdmitted(roles) as readonly unknown[]).includes(row['kind']);
}

const attributes = table([
  column('id', 'o.id::text', 'UUID of the agent.', { type: uuid }),
  column('agent_type', TYPE, `One of: ${TYPES.join(', ')}.`),
  column('binary', BINARY, 'Name of the program.'),
  column('topic', TOPIC, 'Only shown because clients expect it.'),
  column('host', 'o.host', 'Node it runs on.'),
  {
    ...column(
      'admin_state_up',
      'o.admin_state_up::text',
      'False: nothing more is scheduled to it, and networks of a DHCP agent move to others.',
    ),
    type: bool,
    path: 'adminStateUp',
    put: true,
  },
  column('created_at', time('started_at'), 'As started_at.'),
  column('started_at', time('started_at'), 'When the process started.'),
  column('heartbeat_timestamp', time('heartbeat_at'), 'Last report.'),
  {
    ...column('description', `nullif(o.description, '')`, 'Text for people; null when there is none.'),
    type: orNull(text()),
    path: 'description',
    put: true,
  },
  constant('resources_synced', null, 'Always null.'),
  column(
    'availability_zone',
    ZONE,
    `Zone of the agents that objects are scheduled to (${ZONED.join(', ')}); null for others.`,
    { type: orNull(text()) },
  ),
  column('alive', `${ALIVE}::text`, 'Reported within 15 s.', { type: bool, show: (row) => row['alive'] }),
  {
    name: 'configurations',
    type: text(),
    shownAs: SHOWN.object,
    about: 'What the agent reports about its node.',
    show: configurations,
  },
]);

/** What may be changed of an agent: by endpoints/agents.ts, since it is no object of the log. */
export type AgentChanges = UpdateInput<typeof attributes>;

export const agents: Resource = declare({
  name: 'agent',
  collection: 'agents',
  kind: null,
  visible: 'admin',
  about: 'A process on a node that makes the node what the log says.',
  attributes,
  from: (tables) => `${tables.agents} o`,
  columns: {
    ...reading({
      kind: 'o.kind',
      host: 'o.host',
      admin_state_up: 'o.admin_state_up',
      configurations: 'o.configurations',
      sync: 'o.sync',
      position: 'o.position::text',
      alive: ALIVE,
      agent_type: TYPE,
      description: `nullif(o.description, '')`,
      availability_zone: ZONE,
      binary: BINARY,
      topic: TOPIC,
      created_at: time('started_at'),
      started_at: time('started_at'),
      heartbeat_timestamp: time('heartbeat_at'),
    }),
    counts: read(counts),
    refused: read(refused),
    admission: read(admission),
  },
  notFound: agentNotFound,
});

function configurations(row: Row): object {
  const kind = AgentKind.safeParse(row['kind']);
  const role = kind.success ? agentOf(kind.data).configurations : {};
  const view = { position: Number(row['position']), state: row['sync'] };
  const refused_machines = row['refused'];
  const said = (row['configurations'] as Readonly<{ bridge_mappings?: Record<string, string> }>).bridge_mappings;
  const admission = (row['admission'] ?? undefined) as Admission | undefined;
  const admitted = {
    admitted: isAdmittedAgent(row),
    ...(said && { unadmitted_bridge_mappings: unadmittedMappings(admission, said) }),
  };
  return {
    ...role,
    ...(row['configurations'] as object),
    ...(row['counts'] as object),
    refused_machines,
    ...admitted,
    ...view,
  };
}
