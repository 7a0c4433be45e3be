/** What the metadata agent has on its node, thing by thing: the proxy and its frontends. Pure. */
import { askerKey, type Asker, frontendsIn, linesIn, type MetadataFound, PROXY } from '@plumbline/metadata-core';
import type { FoundThing, WantedThing } from '@plumbline/reasons/things';
import { type HostView, objectIn } from '@plumbline/topology';

const nameOf = (asker: Asker): string => `frontend ${asker.kind}:${asker.id}`;

/** The proxy is there for all whom it answers: for none alone. */
export function wantedOf(wanted: readonly Asker[], view: HostView): WantedThing[] {
  const own = `node/${view.host}`;
  if (wanted.length === 0) return [];
  const position = objectIn(view, 'node', view.host)?.setAt['node'] ?? null;
  return [
    {
      sort: 'process',
      place: '',
      name: PROXY,
      text: PROXY,
      owner: own,
      position,
      uses: wanted.map(askerKey).slice(0, 50),
    },
    ...wanted.map((asker): WantedThing => ({
      ...{ sort: 'entry', place: PROXY, name: nameOf(asker), text: nameOf(asker), uses: [] },
      ...{ owner: askerKey(asker), position: positionOf(asker, view) },
    })),
  ];
}

/** A router is answered since it is here, a network since its DHCP is served here. */
function positionOf({ kind, id }: Asker, view: HostView): number | null {
  if (kind === 'router') return objectIn(view, 'router', id)?.setAt['host'] ?? null;
  return (
    objectIn(view, 'placement', id)?.setAt[`host:${view.host}`] ??
    objectIn(view, 'network', id)?.setAt['network'] ??
    null
  );
}

/** `wanted`: whom the proxy is to answer, on this host: lines of its file are ours by the frontend that they are in. */
export const foundIn = (
  { processes, config }: Pick<MetadataFound, 'processes' | 'config'>,
  others: readonly string[],
  wanted: readonly Asker[],
  host: string,
): FoundThing[] => [
  ...processes.processes.flatMap(({ name, main }): FoundThing[] =>
    main ? [{ sort: 'process', place: '', name, text: name, position: null, ours: true }] : [],
  ),
  ...frontendsIn(config).map((asker): FoundThing => ({
    ...{
      sort: 'entry',
      place: PROXY,
      name: nameOf(asker),
      text: nameOf(asker),
      position: null,
      ours: true,
      owner: askerKey(asker),
    },
  })),
  ...linesIn(config).map(({ section, line, asker }): FoundThing => {
    const isWanted = asker === null || wanted.some(({ kind, id }) => kind === asker.kind && id === asker.id);
    return {
      ...{ sort: 'entry', place: `${PROXY} ${section}`, name: line, text: line, position: null, ours: true },
      ...{ owner: asker ? askerKey(asker) : `node/${host}`, ...(isWanted && { as: 'ours' as const }) },
    };
  }),
  ...others.map((text): FoundThing => ({ sort: 'process', place: '', name: text, text, position: null, ours: false })),
];
