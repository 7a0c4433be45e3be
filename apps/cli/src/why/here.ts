/**
 * `plumb why` on a node whose control plane is away: the node itself, and the views that its agents keep on its disk. Both say what a thing is and for which object; who did it,
 * and with which request, the log alone knows.
 */
import { type AnyObject, canonicalAddress, keyOf, type ObjectKey, QUESTIONS } from '@plumbline/contracts';
import { type NodeAccess, type ThingsHere, thingsHere } from '@plumbline/node-agents';
import {
  facetsOf,
  goingOf,
  nameOf,
  type ObjectTold,
  parseReference,
  type Reference,
  type ThingTold,
  type Why,
} from '@plumbline/reasons';
import { together } from '@plumbline/reasons/things';
import type { HostView } from '@plumbline/topology';

const MOST = { things: 30, objects: 10 } as const;
const isWritten = (object: AnyObject): boolean => 'revision' in object;

/** Of a node that cannot be reached its view is told. */
export async function openHere(
  view: HostView,
  access: NodeAccess,
): Promise<Readonly<{ ask: (text: string) => Promise<Why>; close: () => void }>> {
  const unreached = (error: unknown): ThingsHere => ({
    things: () => Promise.resolve({ things: [], failed: [`what is on this node: ${messageOf(error)}`] }),
    close: () => undefined,
  });
  const here = await thingsHere(view, access).catch(unreached);
  return { ask: (text) => whyHere(text, view, here), close: () => here.close() };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function whyHere(text: string, view: HostView, here: Pick<ThingsHere, 'things'>): Promise<Why> {
  const reference = parseReference(text);
  const unknown = [
    'who did it, when and with which request: the control plane does not answer, and a node does not know',
  ];
  const params = QUESTIONS.things.params.parse({
    text: reference.text,
    positions: reference.positions,
    most: MOST.things,
  });
  const found = await here.things(params);
  unknown.push(...found.failed);
  const things = together(found.things).map((thing): ThingTold => {
    const object = thing.owner === null ? undefined : view.objects.get(thing.owner as ObjectKey);
    return {
      ...thing,
      host: view.host,
      event: null,
      going: object && isWritten(object) ? goingOf(object, false) : null,
    };
  });
  const keys = new Set<ObjectKey>([
    ...objectsNamed(reference, view),
    ...things.flatMap(({ owner }) => (owner === null ? [] : [owner as ObjectKey])),
  ]);
  const objects = [...keys].flatMap((key): ObjectTold[] => {
    const object = view.objects.get(key);
    if (!object || !isWritten(object)) return [];
    const at = facetsOf(object).map(({ position, facets }) => `${position} (${facets.join(', ')})`);
    unknown.push(`what the events say that made ${key} what it is; their positions: ${at.join(', ')}`);
    return [
      {
        ...{ key, name: nameOf(object), project: object.projectId, ended: null, set: [], uses: [] },
        used: { by: [], count: 0 },
        going: goingOf(object, false),
      },
    ];
  });
  if (objects.length === 0)
    unknown.push('whether it is an object that no node, or another one, knows of, or one that is gone');
  return {
    asked: reference.text,
    position: view.position,
    things,
    events: [],
    objects: objects.slice(0, MOST.objects),
    unknown,
  };
}

function objectsNamed({ object, ids, shortIds, addresses, macs }: Reference, view: HostView): ObjectKey[] {
  return [...view.objects.values()]
    .filter((each) => {
      if (!isWritten(each)) return false;
      if (object?.kind) return object.kind === each.kind && object.id === each.id;
      if (
        ids.includes(each.id) ||
        shortIds.some(({ kind, begins }) => kind === each.kind && each.id.startsWith(begins))
      )
        return true;
      if (each.kind === 'floatingip') return addresses.includes(canonicalAddress(each.floatingIpAddress));
      return (
        each.kind === 'port' &&
        (macs.includes(each.macAddress) ||
          each.fixedIps.some(({ ipAddress }) => addresses.includes(canonicalAddress(ipAddress))))
      );
    })
    .map(keyOf);
}
