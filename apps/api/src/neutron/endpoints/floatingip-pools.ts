/** Where floating IPs come from: the IPv4 subnets of networks that are external for the caller (alias floatingip-pools). */
import { subnetNotFound } from '@plumbline/domain';
import { text, uuid } from '../types/attribute-types.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { isAdmin } from '../policy.js';
import { ListAnswer } from '../long-answer.js';
import { texter } from '../present.js';
import { inPages, linksOf, parseQuery } from '../query.js';
import { reading } from '../computed/computed.js';
import type { Attribute } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { hasPolicy, isOpened } from '../resources/shared.js';

const shown = (name: string, sql: string, about: string, type = text()): Attribute => ({
  name,
  type,
  sql,
  filter: true,
  sort: true,
  show: (row) => row[name],
  about,
});

const pools: Resource = declare({
  name: 'floatingip_pool',
  collection: 'floatingip_pools',
  kind: null,
  visible: (seeing) =>
    `o.owner = ${seeing.project} OR o.network @> '{"external": true}' OR ${isOpened('o.network_id', seeing)}`,
  about: 'A subnet that floating IPs come from.',
  attributes: [
    {
      name: 'id',
      type: uuid,
      sql: 'o.id',
      sort: true,
      visible: false,
      about: 'Of the subnet: lists are ordered by it.',
    },
    shown('subnet_id', 'o.id', 'The subnet.', uuid),
    shown('subnet_name', 'o.name', 'Its name.'),
    shown('cidr', `o.doc ->> 'cidr'`, 'Its prefix.'),
    shown('network_id', 'o.network_id', 'The external network.', uuid),
    shown('tenant_id', 'o.project_id', 'Project of the subnet.'),
    shown('project_id', 'o.project_id', 'As tenant_id.'),
  ],
  from: (
    tables,
  ) => `(SELECT s.id, s.project_id, s.name, s.doc, o.id AS network_id, o.doc AS network, o.project_id AS owner
      FROM ${tables.of('network')} o JOIN ${tables.of('subnet')} s ON s.doc ->> 'networkId' = o.id
      WHERE s.doc @> '{"ipVersion": 4}' AND (o.doc @> '{"external": true}' OR ${hasPolicy('access_as_external').sql(tables)})) o`,
  columns: reading({
    doc: 'o.doc',
    subnet_id: 'o.id',
    subnet_name: 'o.name',
    cidr: `o.doc ->> 'cidr'`,
    network_id: 'o.network_id',
    tenant_id: 'o.project_id',
    project_id: 'o.project_id',
  }),
  notFound: subnetNotFound,
});

const list: Handler = async (request, _ids, { read, listLimit }) => {
  const { search, caller } = request;
  const asked = parseQuery(pools, search);
  const query = inPages(asked, listLimit);
  const seenBy = isAdmin(caller) ? null : caller.projectId;
  const page = await read.page(pools, query, seenBy, request, texter(pools, caller, query.fields));
  return ok(new ListAnswer(pools.collection, page, linksOf(request, asked, query, page.ids)));
};

export const floatingIpPoolEndpoints: readonly Endpoint[] = [
  { path: ['floatingip-pools'], about: 'Subnets that floating IPs come from.', who: 'any', methods: { GET: list } },
  {
    path: ['floatingip_pools'],
    about: 'As floatingip-pools: the path of earlier releases.',
    who: 'any',
    methods: { GET: list },
  },
];
