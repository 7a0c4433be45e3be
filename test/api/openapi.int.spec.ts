/** The served OpenAPI description matches what is served: every attribute that a resource shows has the described type. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DOCS } from '../../apps/api/src/neutron/description/docs.js';
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

  it('and its page need no login; the page has all that it loads here', async () => {
    const document = await fetch(`${world.api.url}/openapi.json`);
    expect([document.status, ((await document.json()) as { openapi: string }).openapi]).toEqual([200, '3.1.0']);
    for (const [path, { type }] of DOCS) {
      const answer = await fetch(world.api.url + path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, type]);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
      expect((await answer.text()).length).toBeGreaterThan(100);
    }
    for (const path of [
      '/docs/',
      '/docs/index.html',
      '/docs/package.json',
      '/docs/..%2fpackage.json',
      '/docs/%2e%2e/main.js',
    ])
      expect([path, (await fetch(world.api.url + path)).status]).toEqual([path, 404]);
  });
});
