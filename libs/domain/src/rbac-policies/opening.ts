/**
 * Opening an object to every project. As in the reference, `shared: true` of a network, subnet pool or address scope, and `router:external: true` of a network, are an RBAC
 * policy with target '*' of the object's own project. Whoever may see the policy can narrow it: delete it, or give it another target.
 *
 * The flags `shared` and `external` of the objects themselves are of logs that are older. They keep their meaning, and `adoptFlags` makes policies of them.
 */
import type { AddressScope, Network, RbacPolicy, SubnetPool } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { recordDeleted } from './settle.js';

export const EVERYBODY = '*';

type Action = RbacPolicy['action'];
type Opened = Network | SubnetPool | AddressScope;
const TYPE: Readonly<Record<Opened['kind'], RbacPolicy['objectType']>> = {
  network: 'network',
  subnetpool: 'subnetpool',
  addressscope: 'address_scope',
};

/** Policies of an object with this action. */
export const policiesOf = (draft: Pick<Draft, 'find'>, objectId: string, action: Action): RbacPolicy[] =>
  draft.find('rbacpolicy', `object/${objectId}`).filter((policy) => policy.action === action);

const forEverybody = (draft: Pick<Draft, 'find'>, objectId: string, action: Action): RbacPolicy | undefined =>
  policiesOf(draft, objectId, action).find(({ targetProject }) => targetProject === EVERYBODY);

export const isSharedWithAll = (draft: Draft, object: Opened): boolean =>
  object.shared || forEverybody(draft, object.id, 'access_as_shared') !== undefined;

/** For every project. */
export const isExternalForAll = (draft: Draft, network: Network): boolean =>
  network.external || forEverybody(draft, network.id, 'access_as_external') !== undefined;
/** For some project at least. */
export const isExternal = (draft: Pick<Draft, 'find'>, network: Network): boolean =>
  network.external || policiesOf(draft, network.id, 'access_as_external').length > 0;

/** Ids of all networks that are external for anybody. */
export const externalNetworks = (draft: Draft): ReadonlySet<string> =>
  new Set([
    ...draft.find('network', 'external').map(({ id }) => id),
    ...draft.find('rbacpolicy', 'action/access_as_external').map(({ objectId }) => objectId),
  ]);

/** Appends the policy for everybody, of the object's project, which no quota refuses. The object becomes a precondition. */
export function open(draft: Draft, { kind, id, projectId }: Opened, action: Action): void {
  const rbacPolicyId = draft.context.newId();
  draft.dependOn(`${kind}/${id}`);
  draft.exempt(`rbacpolicy/${rbacPolicyId}`);
  const named = { projectId, name: '', description: '' };
  draft.record({
    type: 'RbacPolicyCreated',
    version: 1,
    data: {
      ...{ rbacPolicyId, ...named, objectType: TYPE[kind], objectId: id },
      ...{ action, targetProject: EVERYBODY, withObject: true },
    },
  });
}

/** Appends the policy that shares the object with everybody, unless it is shared so already. */
export function share(draft: Draft, object: Opened): void {
  if (!isSharedWithAll(draft, object)) open(draft, object, 'access_as_shared');
}

/** Objects that one command adopts: the log has few of them. */
const AT_ONCE = 100;

/**
 * Makes policies of what an older log says in other words: of the flags `shared` and `external`, and of policies that belong to no project. True when there is more to do.
 * Nothing changes for those who use the objects.
 */
export const adoptFlags: Decide<boolean> = deciding((draft) => {
  const networks = new Map<string, Network>();
  for (const term of ['external', 'shared'])
    for (const network of draft.find('network', term)) networks.set(network.id, network);
  const pools = draft.all('subnetpool').filter(({ shared }) => shared);
  const scopes = draft.all('addressscope').filter(({ shared }) => shared);
  const ownerless = draft.all('rbacpolicy').filter(({ projectId }) => projectId === '');
  const work = [
    ...[...networks.values()].map((network) => () => adoptNetwork(draft, network)),
    ...[...pools, ...scopes].map((object) => () => adoptShared(draft, object)),
    ...ownerless.map((policy) => () => adoptPolicy(draft, policy)),
  ];
  for (const step of work.slice(0, AT_ONCE)) step();
  return work.length > AT_ONCE;
});

function adoptNetwork(draft: Draft, network: Network): void {
  const { id, shared, external } = network;
  if (external && !forEverybody(draft, id, 'access_as_external')) open(draft, network, 'access_as_external');
  if (shared && !forEverybody(draft, id, 'access_as_shared')) open(draft, network, 'access_as_shared');
  const set = { ...(external && { external: false }), ...(shared && { shared: false }) };
  draft.record({ type: 'NetworkAttributesSet', version: 1, data: { networkId: id, set } });
}

function adoptShared(draft: Draft, object: SubnetPool | AddressScope): void {
  if (!forEverybody(draft, object.id, 'access_as_shared')) open(draft, object, 'access_as_shared');
  const set = { shared: false };
  if (object.kind === 'subnetpool')
    draft.record({ type: 'SubnetPoolAttributesSet', version: 1, data: { subnetPoolId: object.id, set } });
  else draft.record({ type: 'AddressScopeAttributesSet', version: 1, data: { addressScopeId: object.id, set } });
}

/** Earlier releases shared a network by a policy of no project. */
function adoptPolicy(draft: Draft, policy: RbacPolicy): void {
  const network = draft.get('network', policy.objectId);
  recordDeleted(draft, policy);
  if (network && policy.targetProject === EVERYBODY) open(draft, network, policy.action);
}
