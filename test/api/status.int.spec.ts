/** `plumb status` as an operator runs it, against a real API: its output and exit code. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { ApiProcess, eventually } from './api-process.js';
import { IdentityProcess, passwordOf } from './identity-process.js';
import { ObservedNode } from './observed.js';

const MAIN = path.resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
const NOBODY = { OS_TOKEN: '', OS_AUTH_URL: '', PLUMB_API: '', PLUMB_STATE: '/nonexistent' };

const status = async (
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; lines: string[]; stderr: string }> => {
  const { code, stdout, stderr } = await run([process.execPath, MAIN, 'status', ...argv], {
    env: { ...NOBODY, ...env },
    okCodes: [0, 1],
    timeoutMs: 20_000,
  });
  return { code, lines: stdout.trimEnd().split('\n'), stderr };
};

describe('plumb status', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  /** Agents report every few seconds; one that does not counts as silent after 15 s. */
  let speaking: NodeJS.Timeout | undefined;
  const speak = (): void => {
    speaking ??= setInterval(() => {
      for (const agent of ['l3', 'ovs'] as const) node.report(agent, []).catch(() => undefined);
    }, 3000);
  };
  const report = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await status(['--url', api.url, '--json'])).lines.join('\n')) as Record<string, unknown>;

  beforeAll(async () => {
    api = await ApiProcess.start();
  });
  afterAll(async () => {
    clearInterval(speaking);
    await node?.stop();
    await api?.stop();
  });

  it('before any agent: the API is up, and the output says that no agent reports', async () => {
    const { code, lines } = await status(['--url', `${api.url}/`]);
    expect(lines[0]).toBe(`API              ${api.url}  ok`);
    expect(lines.slice(1, 3)).toEqual(['log              at position 0', 'authentication   none']);
    expect(lines.at(-1)).toContain('no agent is seen');
    expect(code).toBe(1);
  });

  it('all well: agents, how security groups are enforced, the log’s head', async () => {
    node = await ObservedNode.start(api, 'net1');
    const { code, lines } = await status([], { PLUMB_API: api.url });
    expect(lines).toContain(`log              at position ${await api.head()}`);
    expect(lines).toContain('  net1  l3     alive  up     in-sync at 0');
    expect(lines).toContain('  net1  ovs    alive  up     in-sync at 0');
    expect(lines).toContain('net1             security groups: enforced (openflow)');
    expect([lines.at(-1), code]).toEqual(['all is well', 0]);
  });

  it('hosts that do not enforce the rules of their ports, and the ports that nothing will reach once they do', async () => {
    speak();
    const network = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'inner' } });
    await api.make('POST', '/v2.0/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.7.0.0/24' },
    });
    const empty = await api.make<{ id: string }>('POST', '/v2.0/address-groups', { address_group: { name: 'empty' } });
    const group = async (name: string, rules: readonly object[]): Promise<string> => {
      const { id } = await api.make<{ id: string }>('POST', '/v2.0/security-groups', { security_group: { name } });
      for (const rule of rules)
        await api.make('POST', '/v2.0/security-group-rules', {
          security_group_rule: { security_group_id: id, direction: 'ingress', ...rule },
        });
      return id;
    };
    const port = (name: string, more: object) =>
      api.make<{ id: string }>('POST', '/v2.0/ports', {
        port: { name, network_id: network.id, 'binding:host_id': 'net1', device_owner: 'compute:nova', ...more },
      });
    const open = await port('open', { security_groups: [await group('web', [{ protocol: 'tcp' }])] });
    const shut = await port('shut', { security_groups: [await group('shut', [])] });
    const six = await port('six', { security_groups: [await group('six', [{ ethertype: 'IPv6' }])] });
    const rule = { remote_address_group_id: empty.id };
    const none = await port('none', { security_groups: [await group('none', [rule])] });
    const among = await port('among', {});
    const unbound = await port('unbound', { 'binding:host_id': '', security_groups: [] });
    const free = await port('free', { port_security_enabled: false });
    const said = async (): Promise<(string | number | null)[]> => {
      const { lines, code } = await status(['--url', api.url]);
      return [...lines.filter((line) => /security groups|its groups/.test(line)).sort(), code];
    };
    expect(await said()).toEqual(['net1             security groups: enforced (openflow)', 0]);
    const silent = [
      '  net1 does not enforce security groups: the rules of 5 ports bound there have no effect',
      `  port among (${among.id}) on net1: its groups let in ports of security groups alone`,
      ...[none, shut, six].map(
        ({ id }, at) => `  port ${['none', 'shut', 'six'][at]} (${id}) on net1: its groups let nothing in`,
      ),
      'net1             security groups: not enforced: binding refused',
      'once security groups are enforced',
    ].sort();
    // As of an older release, and of one that this release does not know.
    for (const firewall of [undefined, 'none', 'of-tomorrow']) {
      node.firewall = firewall;
      await node.report('ovs', []);
      await node.heard('ovs');
      expect(await said()).toEqual([...silent, 1]);
    }
    node.firewall = 'hybrid';
    await node.report('ovs', []);
    await node.heard('ovs');
    expect(await said()).toEqual(['net1             security groups: enforced (hybrid)', 0]);
    for (const { id } of [open, shut, six, none, among, unbound, free]) await api.call('DELETE', `/v2.0/ports/${id}`);
  });

  it('networks that have DHCP: that nobody is there for them, and once somebody is, those that no agent serves', async () => {
    speak();
    const shown = async () => {
      const { lines, code } = await status(['--url', api.url]);
      return { dhcp: lines.find((line) => line.startsWith('DHCP')), code, text: lines.join('\n') };
    };
    expect(await shown()).toMatchObject({
      dhcp: 'DHCP             is missing: no agent is there for the 1 networks that have it',
      code: 0,
    });
    await node.report('dhcp', []);
    await eventually(async () => {
      await node.report('dhcp', []);
      return (await shown()).dhcp === 'DHCP             1 networks' ? true : undefined;
    });
    expect((await shown()).code).toBe(0);
    await api.database.query(
      `UPDATE plumbline.agents SET heartbeat_at = now() - interval '1 hour' WHERE kind = 'dhcp'`,
    );
    const { dhcp, code, text } = await shown();
    expect([dhcp, code]).toEqual(['DHCP             1 networks, 1 of them served by no agent that is alive', 1]);
    expect(text).toContain('has DHCP and no DHCP agent that is alive serves it');
    const { body } = await api.call('GET', '/v2.0/agents?binary=plumb-dhcp-agent');
    const [agent] = (body as { agents: { id: string }[] }).agents;
    for (const { id } of (
      (await api.call('GET', '/v2.0/ports?device_owner=network:dhcp')).body as { ports: { id: string }[] }
    ).ports)
      await api.call('DELETE', `/v2.0/ports/${id}`);
    await api.call('DELETE', `/v2.0/agents/${agent?.id}`);
  });

  it('a router on no node, an object in ERROR with its reason, an agent that is taken out of service', async () => {
    speak();
    for (const agent of ['l3', 'ovs'] as const) await node.report(agent, []).then(() => node.heard(agent));
    const network = await api.make<{ id: string }>('POST', '/v2.0/networks', {
      network: {
        name: 'public',
        'router:external': true,
        'provider:network_type': 'flat',
        'provider:physical_network': 'physnet1',
      },
    });
    await api.make('POST', '/v2.0/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false },
    });
    const withGateway = { external_gateway_info: { network_id: network.id } };
    const carried = await api.make<{ id: string }>('POST', '/v2.0/routers', {
      router: { name: 'carried', ...withGateway },
    });
    const agents = (await report())['agents'] as { agent: string }[];
    expect(agents).toHaveLength(2);
    const { body } = await api.call('GET', '/v2.0/agents?binary=plumb-l3-agent');
    const [agent] = (body as { agents: { id: string }[] }).agents;
    await api.make('PUT', `/v2.0/agents/${agent?.id}`, { agent: { admin_state_up: false } });
    const waiting = await api.make<{ id: string }>('POST', '/v2.0/routers', {
      router: { name: 'waiting', ...withGateway },
    });
    await node.report('l3', [
      {
        kind: 'router',
        id: carried.id,
        position: await api.head(),
        status: 'ERROR',
        reason: 'the kernel is out of sorts',
      },
    ]);
    await eventually(async () => (((await report())['inError'] as unknown[]).length > 0 ? true : undefined));
    const { code, lines } = await status(['--url', api.url]);
    expect(lines).toContain('  net1  l3     alive  admin down  in-sync at 0');
    expect(lines).toContain(`routers          2, 1 on no node: waiting (${waiting.id})`);
    expect(lines).toContain(`  router carried (${carried.id}): the kernel is out of sorts`);
    expect(lines).toContain(`  router waiting (${waiting.id}) has a gateway and is on no node`);
    expect(code).toBe(1);
    expect(lines.length).toBeLessThan(25);
  });

  it('a port that is ACTIVE while something keeps its guest from talking, with what mends it; the system is as well as before', async () => {
    speak();
    const network = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'of guests' } });
    const bound = { network_id: network.id, 'binding:host_id': 'net1', port_security_enabled: false };
    const make = (name: string) => api.make<{ id: string }>('POST', '/v2.0/ports', { port: { ...bound, name } });
    const [hindered, fine] = [await make('hindered'), await make('fine')];
    const reason = 'the guest of interface vnet7 leaves checksums to a switch that does none';
    const position = await api.head();
    await node.report('ovs', [
      { kind: 'port', id: hindered.id, status: 'ACTIVE', reason, position },
      { kind: 'port', id: fine.id, status: 'ACTIVE', position },
    ]);
    const { lines } = await status(['--url', api.url]);
    const trouble = (await report())['trouble'] as string[];
    const at = lines.indexOf('active, but');
    expect(lines.slice(at, at + 3)).toEqual(['active, but', `  port hindered (${hindered.id}): ${reason}`, '']);
    expect(trouble.filter((line) => line.includes('hindered'))).toEqual([]);
    await node.report('ovs', [{ kind: 'port', id: hindered.id, status: 'ACTIVE', position }]);
    expect((await status(['--url', api.url])).lines).not.toContain('active, but');
    for (const { id } of [hindered, fine]) await api.call('DELETE', `/v2.0/ports/${id}`);
    await api.call('DELETE', `/v2.0/networks/${network.id}`);
  });

  it('what an agent says is not well on its node, in its row and its health too, until it says so no longer', async () => {
    const full = 'the view cannot be saved: an operator must make room';
    const [row, health] = [
      async () => {
        const { body } = await api.call('GET', '/v2.0/agents?binary=plumb-ovs-agent');
        return (body as { agents: { configurations: { troubles?: string[] } }[] }).agents[0]?.configurations.troubles;
      },
      async () =>
        ((await api.call('GET', '/healthz')).body as { checks: { agents: { detail: string } } }).checks.agents,
    ];
    node.said = { troubles: [full], troubleCount: 25 };
    await node.report('ovs', []);
    await eventually(async () => ((await row()) ? true : undefined));
    const { lines, code } = await status(['--url', api.url]);
    expect(lines).toEqual(expect.arrayContaining([`  net1: ${full}`, '  net1: 24 more like these']));
    expect(code).toBe(1);
    expect(await row()).toEqual([full]);
    await eventually(async () => ((await health()).detail.includes('ovs agent of net1') ? true : undefined));
    node.said = {};
    for (const agent of ['l3', 'ovs'] as const) await node.report(agent, []).then(() => node.heard(agent));
    expect(await row()).toBeUndefined();
    expect((await status(['--url', api.url])).lines.join('\n')).not.toContain(full);
  });

  it('a silent agent, and one that is behind', async () => {
    clearInterval(speaking);
    for (const agent of ['l3', 'ovs'] as const) await node.report(agent, []).then(() => node.heard(agent));
    await api.database.query(`UPDATE plumbline.agents SET heartbeat_at = now() - interval '1 hour' WHERE kind = 'l3'`);
    // The agent must stay alive for the whole test, although it no longer reports.
    await api.database.query(
      `UPDATE plumbline.agents SET sync = 'catching-up', heartbeat_at = now() + interval '1 hour' WHERE kind = 'ovs'`,
    );
    const behind = await api.head();
    const { lines } = await status(['--url', api.url]);
    expect(lines.some((line) => line.startsWith('  the l3 agent of net1 is silent since 20'))).toBe(true);
    expect(lines).toContain(`  the ovs agent of net1 is catching-up, ${behind} positions behind the log`);
    expect((await report())['agents']).toMatchObject([
      { host: 'net1', agent: 'l3', alive: false, adminStateUp: false, state: 'in-sync', behind: 0 },
      { host: 'net1', agent: 'ovs', alive: true, state: 'catching-up', behind },
    ]);
  });

  it('no API there, another server there, not a URL: a message for each', async () => {
    const nobody = await status(['--url', 'http://127.0.0.1:3']);
    expect([nobody.code, nobody.lines[0], nobody.lines.at(-1)]).toEqual([
      1,
      'API              http://127.0.0.1:3  unreachable',
      expect.stringContaining('does not answer: connect ECONNREFUSED'),
    ]);
    expect((await status(['--url', 'fe80::1'])).stderr).toContain('an http:// or https:// URL');
    expect((await status(['--url', `${api.url}/v2.0`])).lines.at(-1)).toContain('is not the API of Plumbline');
  });
});

describe('plumb status of an API with logins', () => {
  let identity: IdentityProcess;
  beforeAll(async () => {
    identity = await IdentityProcess.start([
      { name: 'root', project: 'admin', role: 'admin' },
      { name: 'eve', project: 'demo', role: 'member' },
    ]);
  });
  afterAll(() => identity?.stop());

  const as = (name: string, project: string): Record<string, string> => ({
    OS_AUTH_URL: `${identity.api.url}/v3`,
    OS_USERNAME: name,
    OS_PASSWORD: passwordOf(name),
    OS_PROJECT_NAME: project,
  });
  const url = (): string[] => ['--url', identity.api.url];

  it('without a token: health, the way to log in, and what to do', async () => {
    const { code, lines } = await status(url());
    expect(lines.slice(0, 3)).toEqual([
      `API              ${identity.api.url}  ok`,
      'log              at position 0',
      'authentication   builtin',
    ]);
    expect(lines.at(-1)).toContain('asks who you are: give --token, or set OS_TOKEN');
    expect(code).toBe(1);
  });

  it('with the environment of the clients, or a token', async () => {
    const node = await ObservedNode.start(identity.api, 'net1');
    node.keepAlive();
    try {
      expect((await status(url(), as('root', 'admin'))).lines.at(-1)).toBe('all is well');
      const token = await identity.token('root', 'admin');
      expect((await status([...url(), '--token', token])).lines.at(-1)).toBe('all is well');
      expect((await status(url(), { OS_TOKEN: token })).lines.at(-1)).toBe('all is well');
    } finally {
      await node.stop();
    }
  });

  it('a wrong password, and a user who is not an administrator: a message for each', async () => {
    const wrong = await status(url(), { ...as('root', 'admin'), OS_PASSWORD: 'guess' });
    expect(wrong.lines.at(-1)).toContain('does not let root into admin');
    const member = await status(url(), as('eve', 'demo'));
    expect(member.lines.at(-1)).toContain('these credentials are not those of an administrator');
    expect([wrong.code, member.code]).toEqual([1, 1]);
  });
});
