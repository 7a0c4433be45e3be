/** The extension doctor over HTTP: who may ask about what, what members are told, and what is refused. What it finds on nodes is in test/system/doctor.e2e.spec.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVERYBODY, NOBODY, type Persona, PolicyWorld } from './policy-world.js';

type Cause = Readonly<{
  check: string;
  on: { kind: string; id: string };
  what: string;
  mend: { by: string; how: string };
  event: { position: number; type: string; user_id: string | null; project_id: string | null } | null;
}>;
type Told = Readonly<{ healthy: boolean; causes: readonly Cause[]; unknown: readonly unknown[]; took_ms: number }>;

const NODE = 'policy1';
let world: PolicyWorld;
/** Of each project: a network with a port that is bound to the node. */
const networks: Partial<Record<Persona, string>> = {};
const ports: Partial<Record<Persona, string>> = {};

beforeAll(async () => {
  world = await PolicyWorld.start();
  for (const who of ['owner', 'other', 'admin'] as const) {
    const network = (networks[who] = await world.make(who, 'networks', 'network', { name: `net-${who}` }));
    const cidr = `10.9.${world.next()}.0/24`;
    await world.make(who, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr });
    ports[who] = await world.make(who, 'ports', 'port', { network_id: network, name: `port-${who}`, device_id: who });
    const bound = await world.as('admin', 'PUT', `ports/${ports[who]}`, { port: { 'binding:host_id': NODE } });
    expect(bound.status).toBe(200);
  }
});
afterAll(() => world?.stop());

const ask = (who: Persona, path: string) => world.as(who, 'GET', `doctor${path === '' ? '' : '/'}${path}`);
async function told(who: Persona, path: string): Promise<Told> {
  const { status, body } = await ask(who, path);
  expect([path, status]).toEqual([path, 200]);
  return (body as { doctor: Told }).doctor;
}

describe('who may ask', () => {
  const mine: Readonly<Record<'owner' | 'other' | 'admin', readonly Persona[]>> = {
    ...{ owner: ['owner', 'reader', 'admin'], other: ['other', 'admin'], admin: ['admin'] },
  };
  it.each(['owner', 'other', 'admin'] as const)('about what is %s’s', async (whose) => {
    await Promise.all(
      EVERYBODY.flatMap((who) =>
        [`port/${ports[whose]}`, `network/${networks[whose]}`, `port/port-${whose}`].map(async (path) => {
          const expected = mine[whose].includes(who) ? 200 : 404;
          expect([who, path, (await ask(who, path)).status]).toEqual([who, path, expected]);
        }),
      ),
    );
  });

  it('about nodes, and about everything, administrators alone', async () => {
    for (const who of EVERYBODY) {
      const expected = who === 'admin' ? 200 : 403;
      expect([who, (await ask(who, `node/${NODE}`)).status]).toEqual([who, expected]);
      expect([who, (await ask(who, '')).status]).toEqual([who, expected]);
      expect([who, (await ask(who, 'node/nowhere')).status]).toEqual([who, who === 'admin' ? 404 : 403]);
    }
  });

  it('nobody changes anything by it', async () => {
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await world.as('admin', method, `doctor/port/${ports.owner}`, {})).status).toBe(405);
  });
});

describe('what members are told', () => {
  it('is no host, no other object and no other user', async () => {
    await world.as('admin', 'PUT', `ports/${ports.owner}`, { port: { admin_state_up: false } });
    const admins = await told('admin', `port/${ports.owner}`);
    const owners = await told('owner', `port/${ports.owner}`);
    expect(owners.causes.map(({ check }) => check)).toEqual(admins.causes.map(({ check }) => check));
    expect(JSON.stringify(admins)).toContain(NODE);
    const text = JSON.stringify(owners);
    for (const secret of [NODE, world.projectOf('admin'), world.projectOf('other'), ports.other, networks.admin])
      expect(text).not.toContain(String(secret));
    // An administrator did it: that it was done is told, and who did it is not.
    const [first] = owners.causes;
    expect(first).toMatchObject({ check: 'port-up', on: { id: ports.owner }, mend: { by: 'owner' } });
    expect(first?.event).toMatchObject({ type: 'PortAttributesSet', user_id: null, project_id: null });
    expect(admins.causes[0]?.event).toMatchObject({ project_id: world.projectOf('admin') });
    await world.as('owner', 'PUT', `ports/${ports.owner}`, { port: { admin_state_up: true } });
  });

  it('is who of their own did it', async () => {
    await world.as('owner', 'PUT', `ports/${ports.owner}`, { port: { admin_state_up: false } });
    const [first] = (await told('reader', `port/${ports.owner}`)).causes;
    expect(first?.event).toMatchObject({ project_id: world.projectOf('owner') });
    expect(first?.event?.user_id).toBeTruthy();
    await world.as('owner', 'PUT', `ports/${ports.owner}`, { port: { admin_state_up: true } });
  });

  it('of what is the cloud’s own is that something is wrong, and whom to ask', async () => {
    const [first] = (await told('owner', `port/${ports.owner}`)).causes;
    expect(first).toMatchObject({
      // Nobody runs its agents, which have reported once.
      check: expect.stringMatching(/^(?:reports|agent-answers)$/),
      ...{ on: { kind: 'cloud' }, mend: { by: 'administrator' } },
    });
    expect(first?.mend.how).toContain('ask an administrator');
    expect(first?.event).toBeNull();
  });
});

describe('what is refused', () => {
  it.each([
    ['a sort of which there is none', 'cat/tom', 404],
    ['an id of nothing', `port/${NOBODY}`, 404],
    ['a protocol of which there is none', `port/port-owner?protocol=smtp`, 400],
    ['a port without a protocol', `port/port-owner?port=80`, 400],
    ['TCP without a port', `port/port-owner?protocol=tcp`, 400],
    ['a parameter of which there is none', `port/port-owner?host=cmp1`, 400],
    ['a name that is too long', `port/${'x'.repeat(256)}`, 400],
  ])('%s', async (_name, path, status) => {
    expect((await ask('owner', path)).status).toBe(status);
  });

  it('a name that several have', async () => {
    const again = await world.make('owner', 'ports', 'port', { network_id: networks.owner, name: 'port-owner' });
    expect((await ask('owner', 'port/port-owner')).status).toBe(400);
    expect((await ask('owner', `port/${again}`)).status).toBe(200);
    await world.as('owner', 'DELETE', `ports/${again}`);
  });
});
