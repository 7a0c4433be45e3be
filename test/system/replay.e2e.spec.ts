/** `plumb replay`: a wiped node is made again from the log, by the running API, a saved view, the bare database, or a printed script. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FeedMessage } from '@plumbline/contracts';
import { ensureUnit, removeUnit, waitForApi, type Unit } from '@plumbline/lab';
import { wipe } from './testing/harm.js';
import { nodePicture, type NodePicture } from './testing/node-picture.js';
import { TestLab, until, upTimeoutMs } from './testing/test-lab.js';

let lab: TestLab;
let floating: string;
let before: NodePicture;
let savedView: string;
const right = 'the node was right already';
const AGENTS_THERE = ['metadata-agent-net1', 'dhcp-agent-net1', 'l3-agent-net1', 'ovs-agent-net1'];

const replay = async (...options: string[]) =>
  lab.plumb(['replay', '--lab', lab.spec.name, '--node', 'net1', ...options]);
const view = (): { position: number } => JSON.parse(readFileSync(savedView, 'utf8')) as { position: number };

/** Stops units; resolves with what starts them again. */
async function stop(names: readonly string[]): Promise<Unit[]> {
  const units = names.map((name) => lab.wanted(name));
  for (const { name } of units) await removeUnit(lab.spec.stateDir, name);
  return units;
}
async function again(units: readonly Unit[]): Promise<void> {
  for (const unit of units) await ensureUnit(lab.spec.stateDir, unit);
  await waitForApi(lab.client);
}

/** These units run again afterwards, whatever comes of the work. */
async function without(names: readonly string[], work: () => Promise<void>): Promise<void> {
  const units = await stop(names);
  try {
    await work();
  } finally {
    await again(units);
  }
}

/** What a test left, also one that failed, is mended by the agents. */
async function broughtBack(): Promise<void> {
  const asBefore = async (): Promise<boolean> => {
    expect(await nodePicture(lab, 'net1')).toEqual(before);
    return true;
  };
  await until(asBefore, () => 'the agents do not bring the node back', 60_000);
}

async function expectRebuilt(): Promise<void> {
  await lab.answers('outside', floating, 'vm1');
  expect(await lab.pings('vm2', '10.255.253.1')).toBe(true);
  expect(await nodePicture(lab, 'net1')).toEqual(before);
}

beforeAll(async () => {
  lab = await TestLab.up('r');
  floating = lab.state.floatingIp ?? '';
  savedView = path.join(lab.spec.stateDir, '..', 'net1.view');
  before = await nodePicture(lab, 'net1');
  await replay('--save', savedView);
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

describe('a wiped node, its agents stopped', () => {
  let agents: Unit[] = [];
  beforeAll(async () => {
    agents = await stop(AGENTS_THERE);
  });
  afterAll(async () => again(agents));
  beforeEach(async () => {
    await wipe(lab, 'net1');
    expect(await lab.greeting('outside', floating)).toBeNull();
  }, 30_000);

  test('is rebuilt from a view that was saved, by the command inside it', async () => {
    const inside = async (...options: string[]) => {
      const command = [process.execPath, path.join(lab.spec.projectDir, 'apps/cli/dist/main.js'), 'replay'];
      return lab.plumb([
        ...['lab', '--name', lab.spec.name, 'exec', 'net1', '--', ...command],
        ...['--node', 'net1', '--view', savedView, ...options],
      ]);
    };
    expect((await inside()).stdout).toMatch(/ done, \d+ steps\n$/);
    await expectRebuilt();
    expect((await inside()).stdout).toContain(right);
    const dry = await inside('--dry-run');
    expect(dry.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    expect(dry.stderr).toContain('nothing to do');
  });

  test('is rebuilt from the host, which enters it by itself', async () => {
    const dry = await replay('--dry-run');
    expect(dry.stdout).toContain('netns add qrouter-');
    expect((await replay()).stdout).toMatch(/ done, \d+ steps\n$/);
    await expectRebuilt();
    expect((await replay()).stdout).toContain(right);
  });

  test('is rebuilt by the script that a dry run from nothing prints', async () => {
    const script = (await replay('--dry-run', '--from-nothing')).stdout;
    await lab.at('net1', ['sh', '-e'], { stdin: script });
    await expectRebuilt();
    expect((await replay()).stdout).toContain(right);
  });

  test('is rebuilt from the bare database, API and NATS stopped', async () => {
    await without(['nats', 'api'], async () => {
      const database = ['--database', lab.state.database?.serviceUrl ?? ''];
      const other = `${savedView}.database`;
      await replay(...database, '--save', other);
      expect(JSON.parse(readFileSync(other, 'utf8'))).toEqual(view());
      await expect(replay()).rejects.toThrow('with the control plane down, use --database');
      expect((await replay(...database)).stdout).toMatch(/ done, \d+ steps\n$/);
      await expectRebuilt();
    });
  });
});

describe('another moment', () => {
  beforeEach(broughtBack, 90_000);

  test('is shown, and made only when asked for; the agents bring the node back to the head', async () => {
    await without(AGENTS_THERE, async () => {
      // The floating IP came with the last three events: its port, itself, its association.
      const earlier = ['--at', String(view().position - 3)];
      const dry = await replay(...earlier, '--dry-run');
      expect(dry.stdout).toMatch(new RegExp(`^addr(ess)? del(ete)? ${floating}/32 `, 'm'));
      await expect(replay(...earlier)).rejects.toThrow('--apply');
      await expectRebuilt();

      expect((await replay(...earlier, '--apply')).stdout).toContain(`at position ${view().position - 3}`);
      expect(await lab.greeting('outside', floating)).toBeNull();
      expect(await lab.pings('vm2', '10.255.253.1')).toBe(true);
    });
    await broughtBack();
    await expectRebuilt();
  });

  test('a log that the agents refuse is refused, and nothing of the node goes, until --yes', async () => {
    await without(AGENTS_THERE, async () => {
      const older = `${savedView}.older`;
      const saved = FeedMessage.parse(JSON.parse(readFileSync(savedView, 'utf8')));
      // As a database says it that was restored from a time before the router.
      const entered = saved.entered.filter(({ kind }) => kind === 'node');
      writeFileSync(older, JSON.stringify({ ...saved, position: 1, entered }));
      const state = path.join(lab.spec.stateDir, 'places/net1/agents');
      expect(existsSync(path.join(state, 'l3.snapshot'))).toBe(true);
      const inside = ['--view', older];
      await expect(replay(...inside)).rejects.toThrow(
        /the agents of this node would refuse this: net1 has followed its log/,
      );
      await expectRebuilt();
      const dry = await replay(...inside, '--dry-run');
      expect(dry.stdout).toContain('# its agents would refuse this: net1 has followed its log to position');
      expect(dry.stdout).toContain('netns del qrouter-');
      const other = `${savedView}.elsewhere`;
      writeFileSync(other, JSON.stringify({ ...saved, log: '11111111-1111-4111-8111-111111111111' }));
      await expect(replay('--view', other)).rejects.toThrow(/would refuse this: net1 follows log/);
      await expectRebuilt();
    });
  });

  test('a view of another node is refused', async () => {
    const other = `${savedView}.other`;
    writeFileSync(other, JSON.stringify({ ...view(), host: 'cmp1' }));
    await expect(replay('--view', other)).rejects.toThrow('the view is of node cmp1, not of net1');
  });
});

test('a router that advertises a subnet: the printed script starts radvd as the agent does', async () => {
  const [router, network] = [await lab.named('routers', 'router1'), await lab.named('networks', 'private')];
  const slaac = { ip_version: 6, cidr: '2001:db8:50::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
  const subnet = await lab.create('subnet', { network_id: network.id, ...slaac });
  await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  let health = '';
  await until(
    async () => {
      const { routers } = await nodePicture(lab, 'net1');
      health = (await Promise.all([lab.health('net1', 'l3'), lab.health('net1', 'ovs')])).join();
      return (
        JSON.stringify(routers).includes('radvd.conf') && (await replay('--dry-run')).stderr.includes('nothing to do')
      );
    },
    () => `no radvd runs: ${health}`,
    60_000,
  );
  await without(AGENTS_THERE, async () => {
    before = await nodePicture(lab, 'net1');
    await wipe(lab, 'net1');
    const script = (await replay('--dry-run', '--from-nothing')).stdout;
    await lab.at('net1', ['sh', '-e'], { stdin: script });
    await expectRebuilt();
    expect((await replay()).stdout).toContain(right);
  });
}, 180_000);
