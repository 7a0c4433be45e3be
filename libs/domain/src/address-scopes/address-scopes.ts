/** Address scopes: the addresses of a scope's pools are unique and may be routed to each other. */
import type { AddressScope } from '@plumbline/contracts';
import { changedFields, definedOnly } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import { isSharedWithAll, share } from '../rbac-policies/opening.js';
import { addressScopeInUse, addressScopeNotFound, addressScopeUpdateError } from '../subnet-pools/errors.js';

export type NewAddressScope = Readonly<{ projectId: string; name: string; ipVersion: 4 | 6; shared: boolean }>;
export type AddressScopeChanges = Partial<Pick<NewAddressScope, 'name' | 'shared'>>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createAddressScopes = (requests: readonly NewAddressScope[]): Decide<string[]> =>
  deciding((draft) =>
    requests.map(({ projectId, name, ipVersion, shared }) => {
      const addressScopeId = draft.context.newId();
      draft.record({
        type: 'AddressScopeCreated',
        version: 1,
        data: { addressScopeId, projectId, name, description: '', ipVersion, shared: false },
      });
      if (shared) share(draft, draft.get('addressscope', addressScopeId) as AddressScope);
      return addressScopeId;
    }),
  );

/** A shared scope cannot be un-shared: other projects may have pools in it. */
export const updateAddressScope = (id: string, changes: AddressScopeChanges): Decide<void> =>
  deciding((draft) => {
    const scope = draft.get('addressscope', id);
    if (!scope) throw addressScopeNotFound(id);
    const { shared, name } = changes;
    if (shared === false && isSharedWithAll(draft, scope))
      throw addressScopeUpdateError(id, "Shared address scope can't be unshared");
    if (shared === true) share(draft, scope);
    const set = changedFields(scope, definedOnly({ name }));
    if (Object.keys(set).length > 0)
      draft.record({ type: 'AddressScopeAttributesSet', version: 1, data: { addressScopeId: id, set } });
  });

export const deleteAddressScope = (id: string): Decide<void> =>
  deciding((draft) => {
    if (!draft.get('addressscope', id)) throw addressScopeNotFound(id);
    if (draft.find('subnetpool', `scope/${id}`).length > 0) throw addressScopeInUse(id);
    draft.expectNone(`scope-pool/${id}/`);
    draft.record({ type: 'AddressScopeDeleted', version: 1, data: { addressScopeId: id } });
  });
