/** The extension trace over HTTP: who may ask about what, what members are told, by a walk over every object that there is. Ways by real packets: test/system/trace.e2e.spec.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyObject } from '@plumbline/contracts';
import type { Trace, WayTold } from '@plumbline/reasons';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { make } from './policy-rights.js';
import { EVERYBODY, NOBODY, type Persona, PolicyWorld } from './policy-world.js';

const NODE = 'policy1';
let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

const ask = (persona: Persona, query: Readonly<Record<string, string>>) =>
  world.as(persona, 'GET', `trace?${new URLSearchParams({ packet: 'tcp/80', ...query })}`);
async function told(persona: Persona, from: string, to: string): Promise<Trace> {
  const { status, body } = await ask(persona, { from, to });
  expect({ persona, from, to, status, body: status === 200 ? null : body }).toEqual({
    persona,
    from,
    to,
    status: 200,
    body: null,
  });
  return (body as { trace: Trace }).trace;
}
const hopsOf = ({ there, back }: Trace): WayTold['hops'] => [...there.hops, ...(back?.hops ?? [])];

/** A network of a project with two ports that are bound to the node. */
async function pairOf(persona: 'owner' | 'other'): Promise<readonly [string, string]> {
  const network = await world.make(persona, 'networks', 'network', {});
  const cidr = `10.66.${world.next()}.0/24`;
  await world.make(persona, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr });
  const port = async (name: string): Promise<string> => {
    const id = await world.make(persona, 'ports', 'port', { network_id: network, name, device_id: name });
    await world.as('admin', 'PUT', `ports/${id}`, { port: { 'binding:host_id': NODE } });
    return id;
  };
  return [await port(`${persona}-a-${world.next()}`), await port(`${persona}-b-${world.next()}`)];
}

describe('what is asked', () => {
  it('is refused in words where it is nothing', async () => {
    const [a, b] = await pairOf('owner');
    for (const query of [
      ...[
        {},
        { from: a },
        { to: b },
        { from: a, to: '' },
        { from: a, to: b, packet: 'tcp' },
        { from: a, to: b, packet: 'tcp/80 ' },
      ],
      ...[
        { from: a, to: b, packet: 'tcp/80;id' },
        { from: a, to: b, more: 'x' },
        { from: 'x'.repeat(401), to: b },
      ],
      { from: a, to: 'fd00::1' },
    ] as Readonly<Record<string, string>>[])
      expect([query, (await ask('owner', query)).status]).toEqual([query, 400]);
    expect((await ask('owner', { from: a, to: 'nobody' })).status).toBe(404);
    expect((await ask('owner', { from: a, to: NOBODY })).status).toBe(404);
    expect((await ask('owner', { from: a, to: '10.0.0.1@nowhere' })).status).toBe(404);
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await world.as('admin', method, 'trace', {})).status).toBe(405);
  });

  it('of a node that does not answer is told by the log, and says so', async () => {
    const [a, b] = await pairOf('owner');
    const seen = await told('admin', a, b);
    expect(seen.there).toMatchObject({ verdict: 'unknown', reason: 'silent' });
    expect(seen.unknown).toContain(`${NODE} did not answer: its part is from the log only`);
    const own = await told('owner', a, b);
    expect(own.there.verdict).toBe('unknown');
    expect(JSON.stringify(own)).not.toContain(NODE);
  });

  it('ends at a port that is set down, with the event that did it', async () => {
    const [a, b] = await pairOf('owner');
    await world.as('admin', 'PUT', `ports/${b}`, { port: { admin_state_up: false } });
    for (const persona of ['admin', 'owner', 'reader'] as const)
      expect((await told(persona, a, b)).there).toMatchObject({
        verdict: 'dropped',
        reason: 'port-down',
        object: `port/${b}`,
      });
  });
});

describe('rights', () => {
  it('a member asks from or to what is his project’s; and hears of no host, rule, other project or its users', async () => {
    for (const resource of RESOURCES.filter(({ create }) => create))
      for (const by of ['owner', 'other'] as const) await make(world, resource, by);
    const near = { owner: await pairOf('owner'), other: await pairOf('other') };
    const { rows } = await world.api.database.query<{ envelope: string }>('SELECT envelope FROM plumbline.events');
    const metas = rows.map(
      ({ envelope }) => (JSON.parse(envelope) as { meta: { userId: string; projectId: string } }).meta,
    );
    const topology = await world.topology();
    const ends: readonly AnyObject[] = [...topology.all('port'), ...topology.all('floatingip')];
    expect(ends.length).toBeGreaterThan(20);
    const wrong: unknown[] = [];
    for (const persona of ['owner', 'reader', 'other'] as const) {
      const mine = world.projectOf(persona);
      const others = EVERYBODY.filter((each) => world.projectOf(each) !== mine);
      const users = metas.filter(({ projectId }) => projectId !== mine && projectId !== '').map(({ userId }) => userId);
      const never = [NODE, 'physnet1', 'br-int', 'qrouter-', ...others.map((each) => world.projectOf(each)), ...users];
      const [own] = near[persona === 'other' ? 'other' : 'owner'];
      const look = async (end: AnyObject, from: string, to: string): Promise<void> => {
        const isMine = end.projectId === mine;
        const { status, body } = await ask(persona, { from, to });
        // One of both is his, so it is the other one that is refused; what has no address of the same family, or leads nowhere, is nobody's to ask.
        if (isMine ? ![200, 400].includes(status) : status !== 404) wrong.push({ persona, from, to, status, isMine });
        if (status !== 200) return;
        const seen = (body as { trace: Trace }).trace;
        for (const { host, place, vni, vlan, object, event } of hopsOf(seen)) {
          const known = object !== null && topology.byKey(object)?.projectId === mine;
          const byOther = event !== null && event.user !== null && event.project !== mine;
          if (!known || byOther || host !== null || place !== '' || vni !== null || vlan !== null)
            wrong.push({ persona, from, to, object, place, event });
        }
        const said = JSON.stringify(seen).replace(/"body":"(?:[^"\\]|\\.)*"/g, '');
        const leaks = never.filter((word) => said.includes(word));
        if (leaks.length > 0) wrong.push({ persona, from, to, leaks, said });
      };
      for (let at = 0; at < ends.length; at += 10)
        await Promise.all(ends.slice(at, at + 10).flatMap((end) => [look(end, end.id, own), look(end, own, end.id)]));
    }
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it('what has an address is not told to others: neither that somebody has it, nor that nobody has', async () => {
    const [mine] = await pairOf('other');
    const [theirs] = await pairOf('owner');
    const { body } = await world.as('owner', 'GET', `ports/${theirs}`);
    const taken = (body as { port: { fixed_ips: { ip_address: string }[] } }).port.fixed_ips[0]?.ip_address ?? '';
    const free = taken.replace(/\d+$/, '200');
    const shape = ({ there, back, unknown }: Trace): unknown => [
      there.verdict,
      there.reason,
      there.why,
      there.hops.length,
      back,
      unknown,
    ];
    expect(shape(await told('other', mine, taken))).toEqual(shape(await told('other', mine, free)));
    for (const address of [taken, free]) {
      expect((await ask('other', { from: address, to: address })).status).toBe(404);
      expect((await ask('admin', { from: address, to: mine })).status).toBeLessThan(500);
    }
  });
});
