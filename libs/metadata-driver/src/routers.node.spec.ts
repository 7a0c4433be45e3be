/** Guests behind a router ask who they are: real namespaces, rules, haproxy and curl, and a stand-in that checks what Nova checks. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { netnsOf } from '@plumbline/l3-core';
import { idOf, portCreated, Story } from '@plumbline/topology/testing';
import { MetadataNode, until } from './testing/index.js';

/** Two routers with a network each, of the same addresses, and a second network at the first. */
const story = (): Story =>
  new Story()
    .network('a1', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .network('a2', '10.2.0.0/24', { gatewayIp: '10.2.0.1' })
    .network('b1', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .router('c1')
    .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', '10.1.0.1')
    .interface('c1', 'a2', '22222222-22', 'fa:16:3e:00:00:02', '10.2.0.1')
    .router('c2')
    .interface('c2', 'b1', '33333333-33', 'fa:16:3e:00:00:03', '10.1.0.1')
    .add(
      guest('d1', 'a1', '10.1.0.5', 'vm-one', 'garden'),
      guest('d2', 'a2', '10.2.0.5', 'vm-two', 'garden'),
      guest('d3', 'b1', '10.1.0.5', 'vm-three', 'orchard'),
    );

const guest = (head: string, network: string, ipAddress: string, deviceId: string, projectId: string) =>
  portCreated({
    portId: idOf(head),
    networkId: idOf(network),
    projectId,
    deviceId,
    deviceOwner: 'compute:nova',
    macAddress: `fa:16:3e:00:01:${head}`,
    fixedIps: [{ subnetId: idOf(`b${network}`), ipAddress }],
  });

/** Opens forty connections and says nothing on them; prints how many of them the other side has ended. Opens them anew before it would be asked to speak. */
const HOLD = `
import select, socket, time
def begin():
    try: return socket.create_connection(('169.254.169.254', 80), 9)
    except OSError: return None # it was ended before this side noticed that it had begun
while True:
    all = [begin() for _ in range(40)]
    end = time.time() + 8
    while time.time() < end:
        open_ = [each for each in all if each]
        print(40 - len(open_) + len(select.select(open_, [], [], 0)[0]), 'of 40')
        time.sleep(0.05)
    for each in open_: each.close()
`;
const TAGS = { a1: 1, a2: 2, b1: 3 } as const;
const URL = 'http://169.254.169.254/latest/meta-data/?a=b';
const NETNS = netnsOf(idOf('c1'));
let node: MetadataNode;

beforeAll(async () => {
  node = await MetadataNode.make();
  await node.converge(story().view());
  await node.wire(idOf('11111111-11'), TAGS.a1);
  await node.wire(idOf('22222222-22'), TAGS.a2);
  await node.wire(idOf('33333333-33'), TAGS.b1);
  await node.node.plug('one', TAGS.a1, '10.1.0.5/24', '10.1.0.1');
  await node.node.plug('two', TAGS.a2, '10.2.0.5/24', '10.2.0.1');
  await node.node.plug('three', TAGS.b1, '10.1.0.5/24', '10.1.0.1');
  // An address that no port has.
  await node.node.plug('nobody', TAGS.a1, '10.1.0.99/24', '10.1.0.1');
  await until('an answer', async () => (await node.ask('one', URL)).status === 200);
}, 120_000);
afterAll(() => node.remove());

describe('a guest behind a router', () => {
  it.each([
    ['one', 'vm-one', 'garden', '10.1.0.5'],
    ['two', 'vm-two', 'garden', '10.2.0.5'],
    ['three', 'vm-three', 'orchard', '10.1.0.5'],
  ])('%s is told of itself, and Nova believes the question', async (netns, device, project, address) => {
    expect(await node.ask(netns, URL)).toEqual({ status: 200, body: `${device}\n` });
    const asked = node.nova.asked.at(-1);
    expect(asked).toMatchObject({ method: 'GET', path: '/latest/meta-data/?a=b' });
    expect(asked?.headers['x-tenant-id']).toBe(project);
    expect(String(asked?.headers['x-forwarded-for']).replace('::ffff:', '')).toBe(address);
  });

  it('sends a body, and what it says of itself changes nothing', async () => {
    const forged = [
      `X-Neutron-Router-ID: ${idOf('c2')}`,
      `X-Neutron-Network-ID: ${idOf('b1')}`,
      'X-Instance-ID: vm-three',
      'X-Instance_ID: vm-three',
      'X-Tenant-ID: orchard',
      'X-Instance-ID-Signature: 00',
      'X-Forwarded-For: 10.2.0.5',
      'Forwarded: for=10.2.0.5',
      'X-Real-IP: 10.2.0.5',
      'Connection: X-Forwarded-For, X-Neutron-Router-ID',
    ].flatMap((header) => ['-H', header]);
    expect(await node.ask('one', URL, '-d', 'abc', ...forged)).toEqual({ status: 200, body: 'vm-one\n' });
    const { headers = {}, ...asked } = node.nova.asked.at(-1) ?? {};
    expect(asked).toEqual({ method: 'POST', path: '/latest/meta-data/?a=b', body: 'abc' });
    expect(headers).toMatchObject({ 'x-instance-id': 'vm-one', 'x-tenant-id': 'garden' });
    expect(JSON.stringify(headers)).not.toMatch(/three|orchard|10\.2\.0\.5/);
  });

  it('that is nobody gets nothing, and so does one that asks the proxy itself', async () => {
    const before = node.nova.asked.length;
    expect(await node.ask('nobody', URL)).toMatchObject({ status: 404 });
    for (const target of ['http://10.1.0.1:9697/', 'http://169.254.169.254:9697/', 'http://10.2.0.1:9697/'])
      expect(await node.ask('one', target, '--max-time', '2')).toEqual({ status: 0, body: '' });
    expect(node.nova.asked).toHaveLength(before);
  });

  it('that sends too much is refused', async () => {
    const body = 'x'.repeat(70_000);
    expect(await node.ask('one', URL, '-d', body)).toMatchObject({ status: 413 });
  });
});

describe('a guest that asks too much', () => {
  const curl = (netns: string, ...more: string[]) =>
    node.node.spawner.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}\n', ...more], {
      netns,
      okCodes: [0, 56],
    });

  it('is told to wait, and takes nothing from another of its network', async () => {
    const many = ['--parallel', '--parallel-max', '16', 'http://169.254.169.254/latest/[1-250]'];
    await until('a question too many', async () => (await curl('one', ...many)).stdout.includes('429'));
    expect(await node.ask('two', URL)).toMatchObject({ status: 200 });
    await until('the end of it', async () => (await node.ask('one', URL)).status === 200);
  }, 120_000);

  it('has 32 connections at most, whatever it does with them', async () => {
    const logFile = path.join(node.folder, 'holds');
    const pid = await node.node.spawner.startDetached(['python3', '-uc', HOLD], { netns: 'one', logFile, env: {} });
    try {
      await until('connections that are ended', () => readFileSync(logFile, 'utf8').includes('8 of 40'));
      await until('a refusal', async () => (await node.ask('one', URL)).status === 0);
      expect(await node.ask('two', URL)).toMatchObject({ status: 200 });
    } finally {
      process.kill(pid, 'SIGKILL');
    }
    await until('an answer', async () => (await node.ask('one', URL)).status === 200);
  }, 120_000);
});

describe('Nova', () => {
  it('that does not believe the question, or cannot be reached, is said so', async () => {
    await node.stopAgent();
    const { novaUrl } = node;
    node.novaUrl = 'http://127.0.0.1:9';
    await node.startAgent();
    await node.converge(story().view());
    expect(await node.ask('one', URL)).toMatchObject({
      status: 502,
      body: expect.stringContaining('cannot be reached'),
    });
    await node.stopAgent();
    node.novaUrl = novaUrl;
    await node.startAgent();
    await node.converge(story().view());
    expect(await node.ask('one', URL)).toMatchObject({ status: 200 });
  }, 120_000);
});

describe('a node that answers by itself', () => {
  it('says who the guest is, with what its owner gave', async () => {
    await node.stopAgent();
    const given = {
      ...{ projectId: 'garden', deviceId: 'vm-one', revision: idOf('5'), hostname: 'web' },
      publicKeys: { mine: 'ssh-ed25519 AAAA me' },
      userData: Buffer.from([0, 1, 2, 0x1f, 0x8b]).toString('base64'),
    };
    await node.startBuiltin((port) =>
      port.deviceId === 'vm-one' ? given : port.deviceId === 'vm-two' ? null : undefined,
    );
    await node.converge(story().view());
    const at = (netns: string, path: string, ...more: string[]) =>
      node.ask(netns, `http://169.254.169.254${path}`, ...more);
    expect(JSON.parse((await at('one', '/openstack/latest/meta_data.json')).body)).toMatchObject({
      ...{ uuid: 'vm-one', hostname: 'web', public_keys: { mine: 'ssh-ed25519 AAAA me' } },
    });
    expect(await at('one', '/latest/user-data', '-o', '/dev/null')).toMatchObject({ status: 200 });
    expect(JSON.parse((await at('one', '/openstack/latest/network_data.json')).body)).toMatchObject({
      networks: [{ type: 'ipv4', ip_address: '10.1.0.5', routes: [{ gateway: '10.1.0.1' }] }],
    });
    expect(await at('two', '/latest/meta-data/instance-id')).toEqual({ status: 200, body: 'vm-two' });
    expect(await at('two', '/latest/user-data')).toMatchObject({ status: 404 });
    expect(await at('one', '/latest/meta-data/', '-d', 'x')).toMatchObject({ status: 405 });
    // What its owner gave is not known yet: it must not be told that this is nothing.
    expect(await at('three', '/latest/meta-data/')).toMatchObject({ status: 503 });
    await node.stopAgent();
    await node.startAgent();
    await node.converge(story().view());
  }, 120_000);
});

describe('the proxy', () => {
  it('is left alone by an agent that starts anew, and a guest that asks meanwhile is answered', async () => {
    const before = await node.proxyPids();
    for (let at = 0; at < 3; at += 1) {
      await node.stopAgent();
      const asking = node.ask('one', URL);
      // The question has come to the proxy, which finds nobody.
      await until('the question', async () =>
        /ESTAB/.test((await node.node.spawner.run(['ss', '-Htn', 'sport = :9697'], { netns: NETNS })).stdout),
      );
      await node.startAgent();
      expect(await node.converge(story().view())).toBe(0);
      expect(await asking).toMatchObject({ status: 200 });
    }
    expect(await node.proxyPids()).toEqual(before);
  }, 120_000);

  it('that was killed is back', async () => {
    const view = story().view();
    const back = new Promise<void>((resolve, reject) =>
      node.processes.watch(() => void node.converge(view).then(() => resolve(), reject)),
    );
    process.kill((await node.proxyPid()) as number, 'SIGKILL');
    await back;
    expect(await node.ask('one', URL)).toMatchObject({ status: 200 });
  }, 120_000);

  it('that is killed while it reads its file is not waited for', async () => {
    const more = story()
      .network('a8', '10.8.0.0/24', { gatewayIp: '10.8.0.1' })
      .router('c8')
      .interface('c8', 'a8', '88888888-88', 'fa:16:3e:00:00:08', '10.8.0.1');
    const pid = (await node.proxyPid()) as number;
    const file = path.join(node.folder, node.owner, 'haproxy', 'files', 'haproxy.cfg');
    // It is told, and reads nothing.
    process.kill(pid, 'SIGSTOP');
    const converging = node.converge(more.view()).then(
      () => 'done',
      (error: Error) => error.message,
    );
    await until('the file', () => readFileSync(file, 'utf8').includes(idOf('c8')));
    process.kill(pid, 'SIGKILL');
    expect(await converging).toMatch(/haproxy has ended while it read its file|^done$/);
    await node.converge(story().view());
    await until('an answer', async () => (await node.ask('one', URL)).status === 200);
  }, 120_000);

  it('goes on in a namespace that was deleted and made anew', async () => {
    await node.node.spawner.run(['ip', 'netns', 'del', NETNS]);
    await node.converge(story().view());
    await node.wire(idOf('11111111-11'), TAGS.a1);
    await node.wire(idOf('22222222-22'), TAGS.a2);
    const listens = await node.node.spawner.run(['ss', '-Hltn', 'sport = :9697'], { netns: NETNS });
    expect(listens.stdout).toContain(':9697');
    await until('the answer', async () => (await node.ask('one', URL)).status === 200);
    expect(await node.converge(story().view())).toBe(0);
  }, 120_000);

  it('answers all the while other networks come and go', async () => {
    let asked = 0;
    let going = true;
    const asking = (async () => {
      for (; going; asked += 1) expect(await node.ask('one', URL)).toMatchObject({ status: 200 });
    })();
    for (let at = 0; at < 3; at += 1) {
      const more = story()
        .network('a9', '10.9.0.0/24', { gatewayIp: '10.9.0.1' })
        .router('c9')
        .interface('c9', 'a9', '99999999-99', 'fa:16:3e:00:00:09', '10.9.0.1');
      await node.converge(more.view());
      await node.converge(story().view());
    }
    going = false;
    await asking;
    expect(asked).toBeGreaterThan(3);
  }, 120_000);

  it('keeps what is there while nothing may be removed, and is gone with the redirect where metadata is not answered', async () => {
    const less = new Story().view();
    const { applied } = await node.proxy(less, { mayRemove: false });
    expect(applied).toBe(0);
    const rules = async (tool: string) => (await node.node.spawner.run([tool], { netns: NETNS })).stdout;
    expect(await rules('iptables-save')).toContain('REDIRECT --to-ports 9697');
    expect(await rules('ip6tables-save')).toContain('REDIRECT --to-ports 9697');
    await node.converge(story().view(), { answers: false });
    expect(await rules('iptables-save')).not.toContain('REDIRECT');
    expect(await rules('ip6tables-save')).not.toContain('REDIRECT');
    expect(await node.proxyPids()).toEqual([]);
    expect(await node.ask('one', URL, '--max-time', '2')).toMatchObject({ status: 0 });
  }, 120_000);
});
