import {
  createRbacPolicies,
  deleteRbacPolicy,
  RBAC_OBJECT_TYPES,
  rbacPolicyNotFound,
  retargetRbacPolicy,
} from '@plumbline/domain';
import { type Attribute, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { type AttributeType, oneOf, projectId, text, uuid } from '../types/attribute-types.js';
import { head } from './standard.js';

const field = <const P extends string, T>(name: string, path: P, type: AttributeType<T>, about: string) =>
  ({
    name,
    path,
    type,
    post: 'required',
    filter: true,
    sort: true,
    about,
  }) as const satisfies Attribute;

const attributes = table([
  ...head,
  field('object_type', 'objectType', oneOf(RBAC_OBJECT_TYPES), 'What kind of object.'),
  field('object_id', 'objectId', uuid, 'Which object.'),
  field('action', 'action', text(), 'access_as_shared; of a network also access_as_external.'),
  { ...field('target_tenant', 'targetProject', projectId, "The project that is let in; '*' for all."), put: true },
]);

export const rbacPolicies: Resource = declare({
  name: 'rbac_policy',
  collection: 'rbac_policies',
  segment: 'rbac-policies',
  kind: 'rbacpolicy',
  visible: 'own',
  about: 'Lets another project see and use an object.',
  attributes,
  notFound: rbacPolicyNotFound,
  create: async (inputs) => createRbacPolicies(inputs),
  update: async (id, { targetProject }) => retargetRbacPolicy(id, targetProject),
  delete: deleteRbacPolicy,
});
