import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { NETWORKING_API, RESOURCES } from '../catalogue.js';
import { ENDPOINTS } from '../endpoints/index.js';
import { openApi } from './openapi.js';
import { ACTIONS } from './openapi-actions.js';
import { DOCS, DOCS_HEADERS } from './docs.js';
import { type Resource, segmentOf } from '../resource.js';

type Operation = { operationId: string; parameters?: { name: string; in: string }[]; requestBody?: object };
type Item = { parameters?: { name: string; in: string }[] } & Partial<
  Record<'get' | 'post' | 'put' | 'delete', Operation>
>;

const document = openApi(NETWORKING_API);
const paths = document.paths as Record<string, Item>;
const METHODS = ['get', 'post', 'put', 'delete'] as const;
const operations = Object.entries(paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => (item[method] ? [{ path, method, item, operation: item[method] }] : [])),
);

const pathOf = (resource: Resource): string => {
  const whole = RESOURCES.find(({ name }) => name === resource.partOf?.name);
  return `/v2.0/${whole ? `${segmentOf(whole)}/{${whole.name}_id}/` : ''}${segmentOf(resource)}`;
};

describe('the OpenAPI document', () => {
  it('is valid by the specification, references included', async () => {
    const validator = new Validator({ strict: false });
    expect(await validator.validate(JSON.parse(JSON.stringify(document)) as Record<string, unknown>)).toMatchObject({
      valid: true,
    });
    expect(validator.version).toBe('3.1');
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect({ name, is: Object.hasOwn(document.components.schemas, name as string) }).toEqual({ name, is: true });
  });

  it('names every parameter of every path, each path once and each operation by one name', () => {
    for (const { path, item, operation } of operations) {
      const wanted = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      const given = [...(item.parameters ?? []), ...(operation.parameters ?? [])].filter((each) => each.in === 'path');
      expect({ path, names: given.map(({ name }) => name) }).toEqual({ path, names: wanted });
    }
    const shapes = Object.keys(paths).map((path) => path.replace(/\{[^}]+\}/g, '{}'));
    expect(shapes.filter((shape, at) => shapes.indexOf(shape) !== at)).toEqual([]);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  it('has every verb of every resource, part, tag, action and endpoint, and no other', () => {
    const has = (path: string) => METHODS.filter((method) => paths[path]?.[method] !== undefined);
    const verbs = (...pairs: [unknown, string][]) => pairs.filter(([is]) => is).map(([, verb]) => verb);
    const declared = new Map<string, Set<string>>();
    const declare = (path: string, methods: readonly string[]) =>
      declared.set(path, new Set([...(declared.get(path) ?? []), ...methods]));
    for (const path of ['/', '/v2.0/', '/v2.0/extensions', '/v2.0/extensions/{alias}']) declare(path, ['get']);
    for (const resource of RESOURCES) {
      const path = pathOf(resource);
      declare(path, verbs([true, 'get'], [resource.create, 'post']));
      declare(`${path}/{id}`, verbs([true, 'get'], [resource.update, 'put'], [resource.delete, 'delete']));
      if (resource.tagged)
        for (const rest of ['', '/{tag}']) declare(`${path}/{id}/tags${rest}`, ['get', 'put', 'delete']);
      for (const action of Object.keys(resource.actions ?? {})) declare(`${path}/{id}/${action}`, ['put']);
    }
    for (const { path, methods } of ENDPOINTS)
      declare(
        `/v2.0/${path.map((part) => (part.startsWith(':') ? `{${part.slice(1)}}` : part)).join('/')}`,
        Object.keys(methods).map((method) => method.toLowerCase()),
      );
    expect(Object.keys(paths).sort()).toEqual([...declared.keys()].sort());
    for (const [path, methods] of declared)
      expect({ path, has: has(path) }).toEqual({ path, has: METHODS.filter((m) => methods.has(m)) });
  });

  it('lets an attribute be set on PUT only where there is a PUT, and on POST only where there is a POST', () => {
    const idle = RESOURCES.flatMap((resource) => {
      const path = pathOf(resource);
      return resource.attributes
        .filter(({ post, put }) => (put && !paths[`${path}/{id}`]?.put) || (post && !paths[path]?.post))
        .map(({ name }) => `${resource.name}.${name}`);
    });
    expect(idle).toEqual([]);
  });

  it('knows the body of every action', () => {
    const actions = RESOURCES.flatMap((resource) => Object.keys(resource.actions ?? {}));
    expect(actions.filter((action) => !Object.hasOwn(ACTIONS, action))).toEqual([]);
  });

  it('has a page that loads what is served beside it, and nothing else', () => {
    const text = (path: string): string => readFileSync(DOCS.get(path)?.file ?? '', 'utf8');
    const loaded = [...text('/docs').matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => `/${name}`);
    expect(loaded.filter((path) => path !== '/openapi.json').sort()).toEqual([...DOCS.keys()].slice(1).sort());
    for (const path of ['/docs', '/docs/docs.css', '/docs/docs.js'])
      expect(text(path)).not.toMatch(/https?:|\/\/\w+\./);
    expect(text('/docs')).not.toMatch(/<style|style=|<script>|\son\w+=/);
    const policy = DOCS_HEADERS['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    for (const [, source = ''] of policy.matchAll(/-src ([^;]+)/g))
      expect(source).toMatch(/^('none'|'self'( data:)?)$/);
  });

  it('names its way to log in as the page does', () => {
    expect(Object.keys(document.components['securitySchemes'] as object)).toEqual(['token']);
  });
});
