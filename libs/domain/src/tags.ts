/** Tags: words that a client puts on an object. All kinds of objects with tags are changed in the same way. */
import type { EventType, Kind, PlumbEvent } from '@plumbline/contracts';
import type { Decide } from './context.js';
import { deciding } from './deciding.js';

/** Kinds that have tags, and the event that sets them. */
const TAGGED = {
  network: ['NetworkAttributesSet', 'networkId'],
  subnet: ['SubnetAttributesSet', 'subnetId'],
  port: ['PortAttributesSet', 'portId'],
  router: ['RouterAttributesSet', 'routerId'],
  floatingip: ['FloatingIpAttributesSet', 'floatingIpId'],
  securitygroup: ['SecurityGroupAttributesSet', 'securityGroupId'],
  subnetpool: ['SubnetPoolAttributesSet', 'subnetPoolId'],
} as const satisfies Partial<Record<Kind, readonly [EventType, string]>>;
export type TaggedKind = keyof typeof TAGGED;

/** Tags as they are stored: each once, sorted by code units. */
export const sortedTags = (tags: Iterable<string>): string[] => [...new Set(tags)].sort();

/** Changes the object's tags by `change` and returns them. The object must exist: `guarded` checks. */
export const changeTags = (
  kind: TaggedKind,
  id: string,
  change: (tags: readonly string[]) => readonly string[],
): Decide<string[]> =>
  deciding((draft) => {
    const object = draft.get(kind, id);
    if (!object) throw new Error(`${kind} ${id} is not there: the command was not guarded`);
    const tags = sortedTags(change(object.tags));
    if (JSON.stringify(tags) === JSON.stringify(object.tags)) return tags;
    const [type, name] = TAGGED[kind];
    const whole = object.kind === 'subnet' ? { networkId: object.networkId } : {};
    draft.record({ type, version: 1, data: { [name]: id, ...whole, set: { tags } } } as unknown as PlumbEvent);
    return tags;
  });
