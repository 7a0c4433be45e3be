/** Address groups: named sets of prefixes that security group rules may name. Prefixes are kept canonical and sorted by family and address. */
import { AddressGroup, canonicalCidr, prefixLengthOf, rangeOf } from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import {
  addressesAlreadyExist,
  addressesNotFound,
  addressGroupInUse,
  addressGroupNotFound,
  tooManyAddresses,
} from './errors.js';

export type NewAddressGroup = Readonly<{
  projectId: string;
  name: string;
  description: string;
  addresses: readonly string[];
}>;
export type AddressGroupChanges = Partial<Pick<NewAddressGroup, 'name' | 'description'>>;

/** Maximum number of prefixes in one group: each event that changes them contains all of them. */
const MOST_ADDRESSES = 4096;

export const createAddressGroups = (requests: readonly NewAddressGroup[]): Decide<string[]> =>
  deciding((draft) =>
    requests.map(({ projectId, name, description, addresses }) => {
      const addressGroupId = draft.context.newId();
      const data = { addressGroupId, projectId, name, description, addresses: inOrder(addresses) };
      draft.record({ type: 'AddressGroupCreated', version: 1, data });
      return addressGroupId;
    }),
  );

export const updateAddressGroup = (id: string, changes: AddressGroupChanges): Decide<void> =>
  deciding((draft) => setFields(draft, existing(draft, id), changes));

/** None of them may be in the group. */
export const addAddresses = (id: string, addresses: readonly string[]): Decide<void> =>
  deciding((draft) => {
    const group = existing(draft, id);
    const wanted = inOrder(addresses);
    const there = wanted.filter((each) => group.addresses.includes(each));
    if (there.length > 0) throw addressesAlreadyExist(there, id);
    setFields(draft, group, { addresses: inOrder([...group.addresses, ...wanted]) });
  });

/** All of them must be in the group. */
export const removeAddresses = (id: string, addresses: readonly string[]): Decide<void> =>
  deciding((draft) => {
    const group = existing(draft, id);
    const wanted = new Set(inOrder(addresses));
    const absent = [...wanted].filter((each) => !group.addresses.includes(each));
    if (absent.length > 0) throw addressesNotFound(absent, id);
    setFields(draft, group, { addresses: group.addresses.filter((each) => !wanted.has(each)) });
  });

export const deleteAddressGroup = (id: string): Decide<void> =>
  deciding((draft) => {
    existing(draft, id);
    if (draft.find('securitygrouprule', `addressgroup/${id}`).length > 0) throw addressGroupInUse(id);
    draft.expectNone(`remote/${id}/`);
    draft.record({ type: 'AddressGroupDeleted', version: 1, data: { addressGroupId: id } });
  });

function existing(draft: Draft, id: string): AddressGroup {
  const group = draft.get('addressgroup', id);
  if (!group) throw addressGroupNotFound(id);
  return group;
}

function setFields(
  draft: Draft,
  group: AddressGroup,
  wanted: Partial<Pick<AddressGroup, 'name' | 'description' | 'addresses'>>,
): void {
  const set = changedFields(group, wanted);
  if (Object.keys(set).length === 0) return;
  draft.record({ type: 'AddressGroupAttributesSet', version: 1, data: { addressGroupId: group.id, set } });
}

/** Canonical, each once, sorted. */
function inOrder(addresses: readonly string[]): string[] {
  const canonical = [...new Set(addresses.map(canonicalCidr))];
  if (canonical.length > MOST_ADDRESSES) throw tooManyAddresses(MOST_ADDRESSES);
  const keyed = canonical.map((text) => ({ text, length: prefixLengthOf(text), ...rangeOf(text) }));
  keyed.sort((a, b) => a.version - b.version || compare(a.first, b.first) || a.length - b.length);
  return keyed.map(({ text }) => text);
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
