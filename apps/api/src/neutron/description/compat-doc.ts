/** docs/reference/networking-api.md, from the declarations and what compat.ts says of them. Markdown, not yet laid out. */
import { z } from 'zod';
import { NETWORKING_API } from '../catalogue.js';
import { ABSENT_EXTENSIONS, NOTES, OUR_EXTENSIONS, REFERENCE } from './compat.js';
import { EXTENSIONS } from '../extensions.js';
import { typeText } from './type-text.js';
import type { Attribute } from '../attribute.js';
import { type Resource, segmentOf } from '../resource.js';

const { prefix, resources } = NETWORKING_API;

/** Name in compat.ts: of a part, with its whole's. */
export const compatName = ({ name, partOf }: Resource): string => (partOf ? `${partOf.name}/${name}` : name);

/** What differs from the reference, in words; '' when nothing does. */
export const noteOf = (resource: string, attribute: string): string => {
  const note = NOTES[`${resource}.${attribute}`];
  return note ? { absent: 'Absent: ', differs: 'Differs: ', ours: 'Ours: ' }[note.is] + note.why : '';
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('*', '\\*');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---|').join('')}`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');
const list = (texts: readonly (string | false)[]): string => texts.filter((text) => text !== false).join(', ');

function who({ read, write }: Attribute): string {
  if (read === 'admin') return 'administrators';
  return write === 'admin' ? 'set by administrators' : write === 'network-owner' ? "set by the network's owner" : '';
}

function attributeRow(resource: string, attribute: Attribute): string[] {
  const { name, type, shownAs, post, put, filter, sort, about, visible } = attribute;
  const set = list([
    post === 'required' && 'create (required)',
    post === 'allowed' && 'create',
    put === true && 'update',
  ]);
  const asked = list([filter === true && 'filter', sort === true && 'sort']);
  const schema = z.toJSONSchema(post || put ? type.schema : (shownAs ?? type.schema), {
    unrepresentable: 'any',
  }) as Record<string, unknown>;
  return [
    `\`${name}\``,
    typeText(schema),
    set,
    visible === false ? 'never shown' : asked,
    who(attribute),
    `${about} ${noteOf(resource, name)}`.trim(),
  ];
}

function seenBy({ visible }: Resource): string {
  if (visible === 'admin') return 'administrators';
  return visible === 'own' ? 'its project' : 'its project, and whom it is shared with';
}

function section(resource: Resource): string {
  const key = compatName(resource);
  const whole = resources.find(({ name }) => name === resource.partOf?.name);
  const path = `${prefix}/${whole ? `${segmentOf(whole)}/{id}/` : ''}${segmentOf(resource)}`;
  const verbs = list([
    'list',
    'show',
    resource.create !== undefined && 'create (several at once: all or none)',
    resource.update !== undefined && 'update',
    resource.delete !== undefined && 'delete',
    resource.tagged === true && 'tags',
    ...Object.keys(resource.actions ?? {}).map((action) => `\`${action}\``),
  ]);
  const declared = new Set(resource.attributes.map(({ name }) => name));
  const missing = Object.keys(REFERENCE[key] ?? {}).filter((name) => !declared.has(name));
  const whole_ = NOTES[`${key}.*`];
  return [
    `## ${path}`,
    `${resource.about} ${whole_ ? `Ours: ${whole_.why}` : ''}`.trim(),
    `${verbs[0]?.toUpperCase()}${verbs.slice(1)}. Seen by ${seenBy(resource)}${resource.write === 'admin' ? ', changed by administrators' : ''}.`,
    table(
      ['attribute', 'type', 'set in', 'asked for', 'who', 'what'],
      [
        ...resource.attributes.map((attribute) => attributeRow(key, attribute)),
        ...missing.map((name) => [`\`${name}\``, '', '', '', '', noteOf(key, name)]),
      ],
    ),
  ].join('\n\n');
}

const extensions = (): string =>
  table(
    ['alias', '', 'what'],
    [
      ...EXTENSIONS.map(({ alias, description }) => [
        `\`${alias}\``,
        OUR_EXTENSIONS[alias] === undefined ? 'supported' : 'ours',
        OUR_EXTENSIONS[alias] ?? description,
      ]),
      ...Object.entries(ABSENT_EXTENSIONS).map(([alias, why]) => [`\`${alias}\``, 'absent', why]),
    ].sort(([one = ''], [other = '']) => (one < other ? -1 : 1)),
  );

const endpoints = (): string =>
  table(
    ['path', 'methods', 'who', 'what'],
    NETWORKING_API.endpoints.map(({ path, methods, who: by, about }) => [
      `\`${prefix}/${path.map((part) => (part.startsWith(':') ? `{${part.slice(1)}}` : part)).join('/')}\``,
      Object.keys(methods).join(', '),
      by === 'admin' ? 'administrators' : 'everybody, of what they see',
      about,
    ]),
  );

/** The whole document. */
export const networkingApiDoc = (): string =>
  [
    '# The Networking API, attribute by attribute',
    'Made by `npm run docs` from the declarations in `apps/api/src/neutron` and the notes in `compat.ts` there; edits here are lost. The reference is OpenStack Neutron 21. What has no note is as there. Rules that hold everywhere: docs/design/api-compat.md.',
    ...resources.map(section),
    '## Other paths',
    endpoints(),
    '## Extensions',
    `\`GET ${prefix}/extensions\` lists an alias only when all of it works.`,
    extensions(),
    '',
  ].join('\n\n');
