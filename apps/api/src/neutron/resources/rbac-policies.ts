import {
  createRbacPolicies,
  deleteRbacPolicy,
  NewRbacPolicy,
  RBAC_OBJECT_TYPES,
  rbacPolicyNotFound,
  retargetRbacPolicy,
} from '@plumbline/domain';
import { oneOf, projectId, text, uuid } from '../types/attribute-types.js';
import type { Attribute, Resource } from '../resource.js';
import { head } from './standard.js';

const field = (name: string, path: string, type: Attribute['type'], about: string): Attribute => ({
  name,
  path,
  type,
  post: 'required',
  filter: true,
  sort: true,
  about,
});

export const rbacPolicies: Resource = {
  name: 'rbac_policy',
  collection: 'rbac_policies',
  segment: 'rbac-policies',
  kind: 'rbacpolicy',
  visible: 'own',
  about: 'Lets another project see and use an object.',
  attributes: [
    ...head,
    field('object_type', 'objectType', oneOf(RBAC_OBJECT_TYPES), 'What kind of object.'),
    field('object_id', 'objectId', uuid, 'Which object.'),
    field('action', 'action', text(), 'access_as_shared; of a network also access_as_external.'),
    { ...field('target_tenant', 'targetProject', projectId, "The project that is let in; '*' for all."), put: true },
  ],
  from: 'plumbline.rbac_policies o',
  notFound: rbacPolicyNotFound,
  create: async (wishes) => createRbacPolicies(wishes as readonly NewRbacPolicy[]),
  update: async (id, wish) => retargetRbacPolicy(id, wish['targetProject'] as string | undefined),
  delete: deleteRbacPolicy,
};
