/** An answer in lines for a terminal. Pure. */
import type { Changed, EventTold, Going, ObjectTold, ThingTold, Why } from './told.js';

export type { Why } from './told.js';

/** Characters of a text that are looked into. A flow to many ports is longer: who asks sends its beginning, which has its mark. */
export const MOST_TEXT = 2_000;

const FOUND: Readonly<Record<ThingTold['found'], string>> = {
  ours: 'ours, as it should be',
  missing: 'ours, and MISSING on the node',
  'left-over': 'LEFT OVER: it has our mark, and nothing wants it',
  learned: 'learned by the switch itself from a flow of ours; it ages out',
  foreign: 'FOREIGN: made by somebody else, without our mark; it is left alone',
  wanted: 'ours by the log; the node was not looked at',
};

/** Characters of a value that are shown. */
const MOST_VALUE = 200;

export function linesOf(why: Why): string[] {
  const { things, events, objects, unknown } = why;
  return [
    ...things.flatMap(thingLines),
    ...events.flatMap((event) => eventLines(event, '')),
    ...objects.flatMap(objectLines),
    ...(things.length + events.length + objects.length === 0 ? [`nothing is known of "${why.asked}"`] : []),
    ...unknown.map((each) => `not known: ${each}`),
  ];
}

function thingLines({ sort, host, place, text, found, owner, uses, position, event, going }: ThingTold): string[] {
  return [
    `${sort} ${text}`,
    `  on ${host}${place === '' ? '' : `, in ${place}`}: ${FOUND[found]}`,
    ...(owner === null ? [] : [`  there for ${owner}`]),
    ...(uses.length === 0 ? [] : [`  shared by ${uses.join(', ')}`]),
    ...(position === 0 ? ["  set by the node's own configuration, not by an event"] : []),
    ...(event ? eventLines(event, '  ') : []),
    ...goingLines(going, '  '),
  ];
}

function objectLines({ key, name, project, ended, set, uses, used, going }: ObjectTold): string[] {
  const list = (label: string, named: ObjectTold['uses'], count: number): string[] => [
    ...(named.length === 0 ? [] : [`  ${label}`]),
    ...named.map((each) => `    ${each.key}${each.name === '' ? '' : ` (${each.name})`}`),
    ...(count > named.length ? [`    and ${count - named.length} more`] : []),
  ];
  return [
    `${key}${name === '' ? '' : ` (${name})`}${project === '' ? '' : ` of project ${project}`}${ended ? ': GONE' : ''}`,
    ...set.flatMap(({ facets, event }) => [`  set: ${facets.join(', ')}`, ...eventLines(event, '    ')]),
    ...(ended ? ['  ended', ...eventLines(ended, '    ')] : []),
    ...list('names', uses, uses.length),
    ...list('is named by', used.by, used.count),
    ...goingLines(going, '  '),
  ];
}

function eventLines({ position, type, time, user, project, request, changed }: EventTold, indent: string): string[] {
  const { id, method, path, body } = request ?? {};
  return [
    `${indent}event ${position} ${type}, ${time}, ${byWhom(user, project)}${id === undefined ? '' : ` (${id})`}`,
    ...(method === undefined ? [] : [`${indent}  request: ${method} ${path}${body === undefined ? '' : ` ${body}`}`]),
    ...changed.map((each) => `${indent}  ${changedText(each)}`),
  ];
}

function byWhom(user: string | null, project: string | null): string {
  if (user === null) return 'by somebody outside your project';
  return user === 'plumbline' ? 'by the control plane' : `by user ${user}${project ? ` of project ${project}` : ''}`;
}

const changedText = ({ field, from, to }: Changed): string => `${field}: ${valueText(from)} -> ${valueText(to)}`;

function valueText(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MOST_VALUE ? `${text.slice(0, MOST_VALUE)}…` : text;
}

const goingLines = (going: Going | null, indent: string): string[] =>
  going === null
    ? []
    : [`${indent}to have it go: ${going.who} ${going.how}${going.request === null ? '' : ` (${going.request})`}`];
