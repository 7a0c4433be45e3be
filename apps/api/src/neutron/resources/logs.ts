/** Requests to log what security groups do to packets: the reference's extension `logging`. Made by administrators, as there: the lines are in the logs of nodes. */
import { createPacketLogs, deletePacketLog, packetLogNotFound, updatePacketLog } from '@plumbline/domain';
import { type Attribute, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { type AttributeType, bool, oneOf, orNull, text } from '../types/attribute-types.js';
import { reference } from '../types/security-types.js';
import { changes, description, head, name } from './standard.js';

const field = <const P extends string, T, D>(
  name: string,
  path: P,
  type: AttributeType<T>,
  otherwise: D,
  about: string,
) =>
  ({
    name,
    path,
    type,
    post: 'allowed',
    default: otherwise,
    filter: true,
    sort: true,
    about,
  }) as const satisfies Attribute;

const attributes = table([
  ...head,
  name,
  {
    name: 'resource_type',
    path: 'resourceType',
    type: text(),
    post: 'required',
    filter: true,
    sort: true,
    about: 'security_group.',
  },
  field('resource_id', 'securityGroupId', orNull(reference), null, 'The security group whose ports are logged.'),
  field('target_id', 'portId', orNull(reference), null, 'The port that is logged.'),
  {
    name: 'event',
    path: 'event',
    type: oneOf(['ACCEPT', 'ALL', 'DROP']),
    post: 'allowed',
    default: 'ALL',
    filter: true,
    sort: true,
    about: 'What is logged: packets that are dropped, the first packets of connections that are accepted, or both.',
  },
  { ...field('enabled', 'enabled', bool, true, 'False: nothing is logged.'), put: true },
  description,
  ...changes,
]);

export const logs: Resource = declare({
  name: 'log',
  collection: 'logs',
  segment: 'log/logs',
  kind: 'packetlog',
  visible: 'own',
  write: 'admin',
  about: 'Has the hosts of ports log what security groups do to their packets.',
  attributes,
  notFound: packetLogNotFound,
  create: async (inputs) => createPacketLogs(inputs),
  update: async (id, input) => updatePacketLog(id, input),
  delete: deletePacketLog,
});
