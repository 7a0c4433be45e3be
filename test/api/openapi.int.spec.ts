/** The served OpenAPI description matches what is served: every attribute that a resource shows has the described type. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { segmentOf } from '../../apps/api/src/neutron/resource.js';
import { FIXTURES, keyOf } from './policy-fixtures.js';
import { make, pathOf } from './policy-rights.js';
import { Fields, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

const shownAt = async (path: string, name: string): Promise<Fields> => {
  const { body } = await world.as('admin', 'GET', path);
  return (body as Record<string, Fields>)[name] as Fields;
};

describe('the description', () => {
  it.each(RESOURCES.map((resource) => [keyOf(resource), resource] as const))(
    'of a %s is of what is shown',
    async (key, resource) => {
      const shown: Fields[] = [];
      if (resource.create) {
        shown.push(await shownAt(pathOf(resource, await make(world, resource, 'owner')), resource.name));
        for (const makeIt of Object.values(FIXTURES[key]?.situations ?? {}))
          shown.push(await shownAt(pathOf(resource, await makeIt(world)), resource.name));
      } else {
        const { body } = await world.as('admin', 'GET', segmentOf(resource));
        shown.push(...((body as Record<string, Fields[]>)[resource.collection] as Fields[]));
      }
      expect(shown.length).toBeGreaterThan(0);
      const wrong = resource.attributes.flatMap(({ name, type, shownAs = type.schema, visible }) =>
        shown
          .filter(
            (fields) => visible !== false && fields[name] !== undefined && !shownAs.safeParse(fields[name]).success,
          )
          .map((fields) => ({ name, value: fields[name] })),
      );
      expect(wrong.slice(0, 3)).toEqual([]);
      const declared = resource.attributes.map(({ name }) => name);
      expect(shown.flatMap((fields) => Object.keys(fields).filter((name) => !declared.includes(name)))).toEqual([]);
    },
  );

  it('and its page need no login, and the page runs no scripts', async () => {
    const document = await fetch(`${world.api.url}/openapi.json`);
    expect([document.status, ((await document.json()) as { openapi: string }).openapi]).toEqual([200, '3.1.0']);
    const page = await fetch(`${world.api.url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<code>/v2.0/networks/{id}</code>');
  });
});
