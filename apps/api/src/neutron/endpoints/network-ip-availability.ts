/**
 * How many addresses of each network are there and taken (alias network-ip-availability): of its subnets' allocation pools, exact whatever their size, so that
 * the answer is written here and not by JSON.stringify, which knows no integer above 2^53.
 */
import { addressToInt, type Subnet } from '@plumbline/contracts';
import { networkNotFound } from '@plumbline/domain';
import { ipVersion, text, uuid } from '../types/attribute-types.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { ListAnswer } from '../long-answer.js';
import { isAdmin } from '../policy.js';
import { inPages, linksOf, parseQuery } from '../query.js';
import { read } from '../computed/computed.js';
import type { Row, Viewer } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { head } from '../resources/standard.js';
import { idIn } from './ids.js';

const NETWORKS = 'network_ip_availabilities';

/** What is read and filtered by; how it is shown is said below. */
const availability: Resource = declare({
  name: 'network_ip_availability',
  collection: NETWORKS,
  segment: 'network-ip-availabilities',
  kind: null,
  visible: 'admin',
  about: 'Addresses of a network, all and taken.',
  attributes: [
    ...head,
    { name: 'network_id', type: uuid, sql: 'o.id', filter: true, sort: true, about: 'The network.' },
    { name: 'network_name', type: text(), sql: 'o.name', filter: true, sort: true, about: 'Its name.' },
    {
      name: 'ip_version',
      type: ipVersion,
      filter: true,
      where: (values, { param, tables }) =>
        `EXISTS (SELECT FROM ${tables.of('subnet')} s WHERE s.doc @> jsonb_build_object('networkId', o.id)
          AND s.doc ->> 'ipVersion' = ANY (${param(values.map(String), 'text[]')}))`,
      about: 'Only subnets of this version count.',
    },
  ],
  from: (tables) => `${tables.of('network')} o`,
  columns: {
    doc: read(() => 'o.doc'),
    subnets: read(
      (
        tables,
      ) => `(SELECT coalesce(jsonb_agg(jsonb_build_object('doc', s.doc, 'used', (SELECT count(*) FROM ${tables.claims} c
      WHERE c.key > 'allocation/' || s.id || '/' AND c.key < 'allocation/' || s.id || '0')) ORDER BY s.id), '[]')
    FROM ${tables.of('subnet')} s WHERE s.doc @> jsonb_build_object('networkId', o.id))`,
    ),
  },
  notFound: networkNotFound,
});

type Shown = string | number | bigint | null | readonly Shown[] | { readonly [name: string]: Shown };
type Counted = Readonly<{ doc: Subnet; used: number }>;

/** JSON, with integers of any size. */
function json(value: Shown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}:${json(each)}`)
    .join(',')}}`;
}

const sizeOf = ({ allocationPools }: Subnet): bigint =>
  allocationPools.reduce((sum, { start, end }) => sum + addressToInt(end) - addressToInt(start) + 1n, 0n);

function shown({ id, doc, subnets }: Row, versions: ReadonlySet<number>): { readonly [name: string]: Shown } {
  const counted = (subnets as Counted[]).filter((subnet) => versions.has(subnet.doc.ipVersion));
  return {
    network_id: id,
    network_name: String(doc['name']),
    tenant_id: String(doc['projectId']),
    project_id: String(doc['projectId']),
    total_ips: counted.reduce((sum, subnet) => sum + sizeOf(subnet.doc), 0n),
    used_ips: counted.reduce((sum, { used }) => sum + used, 0),
    subnet_ip_availability: counted.map(({ doc: subnet, used }) => ({
      subnet_id: subnet.id,
      subnet_name: subnet.name,
      cidr: subnet.cidr,
      ip_version: subnet.ipVersion,
      total_ips: sizeOf(subnet),
      used_ips: used,
    })),
  };
}

function only(row: { readonly [name: string]: Shown }, fields: ReadonlySet<string> | null) {
  return fields === null ? row : Object.fromEntries(Object.entries(row).filter(([name]) => fields.has(name)));
}

const seenBy = (caller: Viewer) => (isAdmin(caller) ? null : caller.projectId);

const list: Handler = async (request, _ids, { read, listLimit }) => {
  const { search, caller } = request;
  const asked = parseQuery(availability, search);
  const query = inPages(asked, listLimit);
  const wanted = query.filters.find(({ attribute }) => attribute.name === 'ip_version')?.values ?? [4, 6];
  const versions = new Set(wanted.map(Number));
  const text = (row: Row): string => json(only(shown(row, versions), query.fields));
  const page = await read.page(availability, query, seenBy(caller), request, { known: text, read: text });
  return ok(new ListAnswer(NETWORKS, page, linksOf(request, asked, query, page.ids)));
};

const show: Handler = async ({ search, caller }, ids, { read }) => {
  const [row] = await read.byIds(availability, [idIn(availability, ids)], seenBy(caller));
  const { fields } = parseQuery(availability, search);
  return ok(json({ network_ip_availability: only(shown(row as Row, new Set([4, 6])), fields) }));
};

export const networkIpAvailabilityEndpoints: readonly Endpoint[] = [
  {
    path: ['network-ip-availabilities'],
    about: 'Addresses of all networks, all and taken.',
    who: 'any',
    methods: { GET: list },
  },
  {
    path: ['network-ip-availabilities', ':network'],
    about: 'Addresses of a network, all and taken.',
    who: 'any',
    methods: { GET: show },
  },
];
