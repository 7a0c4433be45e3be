/** Why something is there, asked of the running API: what an administrator hears, and what nobody else hears, by a walk over one of each resource and everything that came with it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ObjectKey, RequestMade } from '@plumbline/contracts';
import type { Why } from '@plumbline/reasons';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { eventually } from './api-process.js';
import { make } from './policy-rights.js';
import { EVERYBODY, NOBODY, type Persona, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

async function why(persona: Persona, of: string, more: Readonly<Record<string, string>> = {}): Promise<Why> {
  const { status, body } = await world.as(persona, 'GET', `reasons?${new URLSearchParams({ of, ...more })}`);
  expect({ persona, of, status }).toEqual({ persona, of, status: 200 });
  return (body as { reasons: Why }).reasons;
}
const status = async (persona: Persona, query: string) => (await world.as(persona, 'GET', `reasons?${query}`)).status;

describe('why an object is there', () => {
  it('is the requests that set its parts, what they replaced, and what uses it', async () => {
    const network = await world.make('owner', 'networks', 'network', { name: 'first' });
    await world.as('admin', 'PUT', `networks/${network}`, { network: { name: 'second', mtu: 1400 } });
    const subnet = await world.make('owner', 'subnets', 'subnet', {
      ...{ network_id: network, ip_version: 4, cidr: '10.77.0.0/24' },
    });
    const told = await why('admin', network);
    const [object] = told.objects;
    expect(told.objects).toHaveLength(1);
    expect(object).toMatchObject({
      key: `network/${network}`,
      name: 'second',
      project: world.projectOf('owner'),
      ended: null,
    });
    expect(object?.set).toMatchObject([
      {
        facets: ['network'],
        event: {
          type: 'NetworkAttributesSet',
          project: world.projectOf('admin'),
          request: {
            method: 'PUT',
            path: `/v2.0/networks/${network}`,
            body: '{"network":{"name":"second","mtu":1400}}',
          },
          changed: [
            { field: 'mtuBytes', to: 1400 },
            { field: 'name', from: 'first', to: 'second' },
          ],
        },
      },
    ]);
    expect(object?.used.by.map(({ key }) => key)).toContain(`subnet/${subnet}`);
    expect(object?.going).toMatchObject({ request: `DELETE /v2.0/networks/${network}` });
    expect(told.unknown).toEqual([]);
    // As it was before that.
    const made = (object?.set[0]?.event.position ?? 0) - 1;
    const before = await why('admin', network, { at: String(made) });
    expect(before.objects).toMatchObject([
      { name: 'first', set: [{ event: { type: 'NetworkCreated', user: expect.any(String) } }] },
    ]);
    // The owner hears that somebody outside his project did it.
    const own = await why('owner', network);
    expect(own.objects[0]?.set[0]?.event).toMatchObject({
      user: null,
      project: null,
      request: null,
      type: 'NetworkAttributesSet',
    });
  });

  it.each([
    'id',
    'kind and id',
    'address',
    'MAC',
    'name',
    'device',
    'mark of an event',
    'event',
    'cookie of a flow',
  ] as const)('is found by its %s, also when it is gone', async (how) => {
    const network = await world.once('network of ports', () => world.make('owner', 'networks', 'network', {}));
    await world.once('subnet of ports', () =>
      world.make('owner', 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.78.0.0/16' }),
    );
    const name = `port ${world.next()}`;
    const id = await world.make('owner', 'ports', 'port', { network_id: network, name });
    const { body } = await world.as('owner', 'GET', `ports/${id}`);
    const { port } = body as { port: { mac_address: string; fixed_ips: { ip_address: string }[] } };
    const [set] = (await why('admin', id)).objects[0]?.set ?? [];
    const position = set?.event.position ?? 0;
    const text = {
      id,
      'kind and id': `port/${id}`,
      address: `${port.fixed_ips[0]?.ip_address}/24`,
      MAC: port.mac_address.toUpperCase(),
      name,
      device: `5: tap${id.slice(0, 11)}@if4: <BROADCAST,MULTICAST,UP>`,
      'mark of an event': `-A neutron-l3-agent-PREROUTING -m comment --comment "plumb:${position}" -j DNAT`,
      event: `@${position}`,
      'cookie of a flow': `cookie=0x504c${position.toString(16).padStart(12, '0')}, table=25, priority=2 actions=drop`,
    }[how];
    const { objects } = await why('admin', text);
    expect(objects).toMatchObject([
      { key: `port/${id}`, ended: null, set: [{ event: { request: { method: 'POST' } } }] },
    ]);
    expect((await why('owner', text)).objects).toMatchObject([{ key: `port/${id}` }]);
    expect((await why('other', text)).objects).toEqual([]);
    await world.as('owner', 'DELETE', `ports/${id}`);
    const gone = await why('admin', text);
    if (how === 'name') expect(gone.objects).toEqual([]);
    else
      expect(gone.objects).toMatchObject([
        {
          key: `port/${id}`,
          ended: { type: 'PortDeleted', request: { method: 'DELETE', path: `/v2.0/ports/${id}` } },
          going: null,
        },
      ]);
  });

  it('says of a part of something else that is gone what became of it', async () => {
    const network = await world.make('owner', 'networks', 'network', {});
    const id = await world.make('owner', 'subnets', 'subnet', {
      network_id: network,
      ip_version: 4,
      cidr: '10.79.0.0/24',
    });
    await world.as('owner', 'DELETE', `subnets/${id}`);
    expect((await why('admin', id)).objects).toMatchObject([{ key: `subnet/${id}`, ended: { type: 'SubnetDeleted' } }]);
  });

  it('refuses what cannot be asked, and says what it does not know', async () => {
    expect(await status('admin', '')).toBe(400);
    expect(await status('admin', 'of=%20')).toBe(400);
    expect(await status('admin', `of=${'x'.repeat(2_001)}`)).toBe(400);
    expect(await status('admin', 'of=x&at=999999999')).toBe(400);
    expect(await status('admin', 'of=x&at=-1')).toBe(400);
    expect(await status('admin', 'of=x&host=a/b')).toBe(400);
    expect(await status('admin', 'of=x&fields=y')).toBe(400);
    for (const persona of ['owner', 'reader', 'other'] as const)
      expect(await status(persona, 'of=x&host=policy1')).toBe(403);
    // The node of this spec reports and answers no questions; the API looks every two seconds which nodes there are.
    await eventually(async () => {
      const { things, objects, events, unknown } = await why('admin', 'something that nobody has');
      expect([things, objects, events]).toEqual([[], [], []]);
      // On a slow machine it may have been silent for too long.
      return /of policy1 (?:did not answer within|sees: it is silent)/.test(unknown.join()) ? true : undefined;
    });
  });
});

describe('rights', () => {
  it('a member hears of his own objects alone: no hosts, no other project, no other project’s users; a reader the same', async () => {
    for (const resource of RESOURCES.filter(({ create }) => create))
      for (const by of ['owner', 'other'] as const) await make(world, resource, by);
    const { rows: events } = await world.api.database.query<{ envelope: string }>(
      'SELECT envelope FROM plumbline.events',
    );
    const metas = events.map(
      ({ envelope }) => (JSON.parse(envelope) as { meta: { userId: string; projectId: string } }).meta,
    );
    const usersOf = (persona: Persona) =>
      metas.filter(({ projectId }) => projectId === world.projectOf(persona)).map(({ userId }) => userId);
    const topology = await world.topology();
    const keys = [...topology.keys()];
    expect(new Set(keys.map((key) => key.split('/')[0])).size).toBeGreaterThan(12);
    for (const persona of ['owner', 'reader', 'other'] as const) {
      const mine = world.projectOf(persona);
      const others = EVERYBODY.filter((each) => world.projectOf(each) !== mine);
      const never = ['policy1', 'physnet1', ...others.flatMap((each) => [world.projectOf(each), ...usersOf(each)])];
      const wrong: unknown[] = [];
      const ask = async (key: ObjectKey): Promise<void> => {
        const { asked, ...told } = await why(persona, key);
        const object = topology.byKey(key);
        const isMine = object?.projectId === mine;
        if (told.objects.some((each) => each.key === key) !== isMine) wrong.push({ key, isMine, told });
        if (told.things.length > 0 || (!isMine && told.objects.length + told.events.length > 0))
          wrong.push({ asked, told });
        const said = JSON.stringify({ ...told, unknown: [] });
        // What he sent himself he knows; ids of what is shared with him are in it.
        const leaks = never.filter((word) => said.replace(/"body":"(?:[^"\\]|\\.)*"/g, '').includes(word));
        if (leaks.length > 0) wrong.push({ asked, leaks, said });
      };
      for (let at = 0; at < keys.length; at += 10) await Promise.all(keys.slice(at, at + 10).map(ask));
      expect(wrong.slice(0, 3)).toEqual([]);
    }
  });

  it('by events, too: whatever position a member asks for, he hears of his own', async () => {
    const { rows } = await world.api.database.query<{ head: string }>(
      'SELECT max(position) AS head FROM plumbline.events',
    );
    const head = Number(rows[0]?.head);
    const mine = world.projectOf('other');
    const topology = await world.topology();
    for (let position = 1; position <= head; position += 7) {
      const { events, objects } = await why('other', `@${position}`);
      for (const { key, project } of objects) expect({ key, project }).toEqual({ key, project: mine });
      for (const { object } of events) {
        const now = object === null ? undefined : topology.byKey(object);
        if (now) expect(now.projectId).toBe(mine);
      }
    }
  });

  it('an administrator hears of everything, with the request that it came of', async () => {
    const topology = await world.topology();
    const lacking: unknown[] = [];
    const ask = async (key: ObjectKey): Promise<void> => {
      const told = await why('admin', key);
      const object = told.objects.find((each) => each.key === key);
      const sent = object?.set.every(
        ({ event }) => event.user === 'plumbline' || RequestMade.safeParse(event.request).success,
      );
      if (!object || object.set.length === 0 || (!sent && !/^(?:node|admission)\//.test(key))) lacking.push(told);
    };
    const keys = [...topology.keys()];
    for (let at = 0; at < keys.length; at += 10) await Promise.all(keys.slice(at, at + 10).map(ask));
    expect(lacking.slice(0, 3)).toEqual([]);
    expect((await why('admin', NOBODY)).objects).toEqual([]);
  });
});
