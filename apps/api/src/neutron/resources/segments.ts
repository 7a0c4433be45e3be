/**
 * Segments, derived from networks: each has exactly one, which comes and goes with it. Its id follows from the network's (a UUID of version 3, RFC 9562 5.3, but
 * of a name space of our own), so it is the same for ever.
 */
import { DomainError } from '@plumbline/domain';
import { integer, orNull, physicalNetwork, text, uuid } from '../types/attribute-types.js';
import { read } from '../computed/computed.js';
import type { Attribute } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { changes, constant } from './standard.js';

const ID = `overlay(overlay(md5('plumbline segment ' || n.id) PLACING '3' FROM 13) PLACING '8' FROM 17)::uuid::text`;

const field = (name: string, path: string, type: Attribute['type'], about: string): Attribute => ({
  name,
  path,
  type,
  filter: true,
  sort: true,
  about,
});

export const segments: Resource = declare({
  name: 'segment',
  collection: 'segments',
  kind: null,
  visible: 'admin',
  about: 'The layer 2 segment of a network. Comes and goes with it.',
  attributes: [
    {
      name: 'id',
      type: uuid,
      sql: 'o.id',
      filter: true,
      sort: true,
      show: ({ id }) => id,
      about: "Follows from the network's.",
    },
    field('network_id', 'id', uuid, 'The network.'),
    field('network_type', 'networkType', text(32), 'flat, local, vlan or vxlan.'),
    field('physical_network', 'physicalNetwork', physicalNetwork, 'Physical network that carries it.'),
    field('segmentation_id', 'segmentationId', orNull(integer(0, 2 ** 24)), 'VLAN id or VNI.'),
    { ...constant('name', null, 'None.'), type: orNull(text()), sql: 'NULL::text', filter: true, sort: true },
    constant('description', '', 'None.'),
    ...changes,
  ],
  from: (tables) => `(SELECT ${ID} AS id, n.project_id, n.doc FROM ${tables.of('network')} n) o`,
  columns: { doc: read(() => 'o.doc') },
  notFound: (id) => new DomainError('SegmentNotFound', 'not-found', `Segment ${id} could not be found.`),
});
