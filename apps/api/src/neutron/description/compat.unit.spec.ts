/** The table of what is supported, differs and is absent is true: it follows from the declarations, and every difference from the reference has a note. */
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { z } from 'zod';
import { RESOURCES } from '../catalogue.js';
import { compatName, networkingApiDoc } from './compat-doc.js';
import {
  ABSENT_EXTENSIONS,
  FILTERS,
  NOTES,
  OPTIONAL_EXTENSIONS,
  OUR_EXTENSIONS,
  RECORDED_EXTENSIONS,
  REFERENCE,
} from './compat.js';
import { EXTENSIONS } from '../extensions.js';
import type { Attribute } from '../attribute.js';

const DOC = new URL('../../../../../docs/reference/networking-api.md', import.meta.url);

const flagsOf = ({ post, put, read, write, visible }: Attribute): string =>
  [
    post === 'required' ? 'C!' : post && 'C',
    put && 'U',
    read === 'admin' && 'r',
    write === 'admin' && 'w',
    write === 'network-owner' && 'n',
    visible === false && 'h',
  ]
    .filter(Boolean)
    .join(' ');

/** Takes nothing but what means "none". */
const takesNothing = ({ type, post, put }: Attribute): boolean =>
  Boolean(post || put) &&
  /^(\{"type":"null"\}|\{"type":"boolean","const":false\}|\{"anyOf":\[\{"type":"array","items":\{"not":\{\}\}\},\{"type":"null"\}\]\})$/.test(
    JSON.stringify({ ...z.toJSONSchema(type.schema, { unrepresentable: 'any' }), $schema: undefined }),
  );

describe.each(RESOURCES.map((resource) => [compatName(resource), resource] as const))('%s', (key, resource) => {
  const reference = REFERENCE[key];
  if (!reference) {
    it('is ours, and said to be', () => expect(NOTES[`${key}.*`]).toMatchObject({ is: 'ours' }));
    return;
  }
  const declared = new Map(resource.attributes.map((attribute) => [attribute.name, attribute]));

  it('has every attribute of the reference, or says why not', () => {
    const missing = Object.keys(reference).filter(
      (name) => !declared.has(name) && NOTES[`${key}.${name}`]?.is !== 'absent',
    );
    expect(missing).toEqual([]);
  });

  it('has no attribute of its own that is not said to be', () => {
    const strange = [...declared.keys()].filter(
      (name) => reference[name] === undefined && NOTES[`${key}.${name}`]?.is !== 'ours',
    );
    expect(strange).toEqual([]);
  });

  it('is filtered by whatever the reference filters it by, shown or not', () => {
    const missing = (FILTERS[key] ?? '').split(' ').filter((name) => name !== '' && !declared.get(name)?.filter);
    expect(missing).toEqual([]);
  });

  it('lets the same people set and see each attribute in the same verbs, or says how not', () => {
    const different = [...declared.values()]
      .filter(
        (attribute) => reference[attribute.name] !== undefined && NOTES[`${key}.${attribute.name}`]?.is !== 'differs',
      )
      .filter((attribute) => flagsOf(attribute) !== reference[attribute.name] || takesNothing(attribute))
      .map((attribute) => ({ name: attribute.name, here: flagsOf(attribute), there: reference[attribute.name] }));
    expect(different).toEqual([]);
  });
});

describe('what is said of the reference', () => {
  it('is said of something', () => {
    const resources = new Map(RESOURCES.map((resource) => [compatName(resource), resource]));
    expect(Object.keys(REFERENCE).filter((key) => !resources.has(key))).toEqual([]);
    expect(Object.keys(FILTERS)).toEqual(Object.keys(REFERENCE));
    const stale = Object.entries(NOTES).filter(([name, { is }]) => {
      const [key = '', attribute = ''] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)];
      const here = resources.get(key)?.attributes.some((each) => each.name === attribute) ?? false;
      const there = REFERENCE[key]?.[attribute] !== undefined;
      if (attribute === '*') return !resources.has(key) || REFERENCE[key] !== undefined;
      return { absent: here || !there, differs: !here || !there, ours: !here || there }[is];
    });
    expect(stale.map(([name]) => name)).toEqual([]);
  });

  it('names each extension once: supported, absent, or ours', () => {
    const here = EXTENSIONS.map(({ alias }) => alias);
    expect(
      RECORDED_EXTENSIONS.filter((alias) => !here.includes(alias) && ABSENT_EXTENSIONS[alias] === undefined),
    ).toEqual([]);
    expect(here.filter((alias) => ABSENT_EXTENSIONS[alias] !== undefined)).toEqual([]);
    expect(Object.keys(OUR_EXTENSIONS).filter((alias) => !here.includes(alias))).toEqual([]);
    const theirs = [...RECORDED_EXTENSIONS, ...OPTIONAL_EXTENSIONS];
    expect(here.filter((alias) => !theirs.includes(alias) && OUR_EXTENSIONS[alias] === undefined)).toEqual([]);
    expect(here.filter((alias, at) => here.indexOf(alias) !== at)).toEqual([]);
  });

  it('is what the document shows', async () => {
    expect(readFileSync(DOC, 'utf8')).toBe(await format(networkingApiDoc(), { parser: 'markdown', printWidth: 120 }));
  });
});
