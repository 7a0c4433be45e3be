/**
 * docs/how-to/run-on-real-machines.md, followed block by block: a controller and a node that share one wire, and a host on the external network.
 *
 * What cannot be done here is checked another way: packages are looked for, the clone is shown, unit files go through systemd-analyze(1), and of each pair
 * "with systemd" and "by hand" the second is typed.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { agentsWhere } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { readAgentConfig } from '@plumbline/agent-runtime/nest';
import { NODE_AGENTS, nodeFacts } from '@plumbline/node-agents';
import { readConfig } from '../../apps/api/src/config.js';
import { readBlocks, type Block } from './real-machines/handbook.js';
import { Machine } from './real-machines/machine.js';
import { until } from './real-machines/until.js';

const projectDir = path.resolve(import.meta.dirname, '../..');
const blocks = readBlocks(path.join(projectDir, 'docs/how-to/run-on-real-machines.md'));
const units = path.join(projectDir, 'packaging/systemd');
const seconds = 1_000;
/** Ends a step that hangs. Steps take two to ten seconds; a machine that is busy with other work takes many times as long. */
const PATIENCE_MS = 120 * seconds;

/** Parts of the host that the page's commands would change if they ran on it. */
async function hostFiles(): Promise<string> {
  const folders = ['plumbline', 'postgresql', 'openvswitch'].flatMap((name) => [
    `/etc/${name}`,
    `/var/lib/${name}`,
    `/run/${name}`,
  ]);
  const listed = await run(['find', ...folders, '/etc/systemd/system', '-maxdepth', '3'], { okCodes: [0, 1] });
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  return [...listed.stdout.split('\n'), ...namespaces.filter((name) => /^(qrouter-|qvm)/.test(name))].sort().join('\n');
}

describe('what is not typed here', () => {
  test('every block by systemd has one by hand beside it', () => {
    const count = (kind: Block['kind']) =>
      blocks.filter((each) => each.kind === kind).map(({ heading, where }) => `${heading}: ${where}`);
    const byHand = new Set(count('hand'));
    expect(count('systemd').filter((each) => !byHand.has(each))).toEqual([]);
  });

  test('packages are Debian’s, and installed here', async () => {
    const lines = blocks.filter(({ kind }) => kind === 'packages').map(({ text }) => text);
    const words = lines.flatMap((text) => text.split(/\s+/));
    const names = words.filter((word) => !['apt-get', 'install', '--no-install-recommends'].includes(word));
    expect(names).toEqual(expect.arrayContaining(['postgresql', 'nats-server', 'openvswitch-switch']));
    const { stdout } = await run(['dpkg-query', '--show', '--showformat=${Package} ${db:Status-Status}\n', ...names]);
    expect(stdout.split('\n').filter((line) => line !== '' && !line.endsWith(' installed'))).toEqual([]);
  });

  test('each unit file is installed, and what is installed and started exists', () => {
    const typed = blocks.filter(({ kind }) => kind === 'systemd').map((each) => each.text);
    const text = typed.join('\n');
    const installed = [...text.matchAll(/\/opt\/plumbline\/(\S+\.service)/g)].map(([, file = '']) => file);
    const files = readdirSync(units).map((name) => path.relative(projectDir, path.join(units, name)));
    expect(installed.sort()).toEqual(files.sort());
    for (const [, names = ''] of text.matchAll(/^systemctl (?:enable --now|start|stop) (.+)$/gm))
      for (const name of names.split(' ')) expect(existsSync(path.join(units, `${name}.service`))).toBe(true);
  });

  const files = readdirSync(units).map((name) => path.join(units, name));
  const analyze = existsSync('/usr/bin/systemd-analyze');
  (analyze ? test : test.skip)(
    'systemd accepts the unit files (not checked where systemd-analyze is missing)',
    async () => {
      // systemd-analyze also reads units that ours name, and reports faults of this machine's own units, which are not tested here.
      const ofOurs = async (paths: readonly string[]): Promise<string[]> => {
        const { stdout, stderr } = await run(['systemd-analyze', 'verify', ...paths], { okCodes: [0, 1] });
        return `${stdout}${stderr}`
          .split('\n')
          .filter((line) => paths.some((each) => line.includes(path.basename(each))));
      };
      expect(await ofOurs(files)).toEqual([]);
      const folder = mkdtempSync(path.join(tmpdir(), 'plumb-units-'));
      try {
        const bad = path.join(folder, path.basename(files[0] ?? ''));
        writeFileSync(bad, `${readFileSync(files[0] ?? '', 'utf8')}\n[Service]\nNoSuchSetting=yes\n`);
        expect(await ofOurs([bad])).toEqual([expect.stringContaining('NoSuchSetting')]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  test('no unit gives up, whatever is away for however long; only a wrong setting ends it', () => {
    for (const file of files) {
      const [, unit = '', service = ''] = readFileSync(file, 'utf8').split(/^\[(?:Unit|Service)\]$/m);
      const values = (name: string, section: string) =>
        [...section.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);
      // systemd.unit(5): 0 switches the limit of five starts in ten seconds off. It belongs in [Unit]; elsewhere it is ignored.
      expect([file, ...values('StartLimitIntervalSec', unit)]).toEqual([file, '0']);
      expect([file, ...values('Restart', service)]).toEqual([file, 'always']);
      expect(Number(values('RestartSec', service)[0])).toBeGreaterThanOrEqual(1);
    }
  });

  test('an API whose database is away ends, and not as after a wrong setting', async () => {
    const away = createServer();
    await new Promise<void>((resolve) => away.listen(0, '127.0.0.1', resolve));
    const { port } = away.address() as AddressInfo;
    await new Promise((resolve) => away.close(resolve));
    const unit = readFileSync(path.join(units, 'plumb-api.service'), 'utf8');
    const [, wrongSetting = ''] = /^RestartPreventExitStatus=(\d+)$/m.exec(unit) ?? [];
    const start = async (env: Record<string, string>) =>
      (await run(['node', path.join(projectDir, 'apps/api/dist/main.js')], { env, okCodes: [1, 2], timeoutMs: 30_000 }))
        .code;
    const DATABASE_URL = `postgresql://plumb_api@127.0.0.1:${port}/plumbline`;
    const settings = { DATABASE_URL, NATS_URL: `nats://127.0.0.1:${port}`, PLUMB_AUTH: 'none' };
    expect(await start({ ...settings, PLUMB_LISTEN: '127.0.0.1:0' })).toBe(1);
    expect(await start({ ...settings, PLUMB_LISTEN: 'nowhere' })).toBe(Number(wrongSetting));
  });

  test('unit files run programs that exist, and no agent has a mount namespace', () => {
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      for (const [, script = ''] of text.matchAll(/^ExecStart=\/usr\/bin\/env node \/opt\/plumbline\/(\S+)$/gm))
        expect(existsSync(path.join(projectDir, script))).toBe(true);
      // systemd.exec(5): these unshare the mounts; a namespace made by "ip netns add" would stay inside.
      if (file.endsWith('-agent.service'))
        expect(text).not.toMatch(
          /^(Private(Tmp|Devices|Mounts|Network)|Protect\w+|(ReadOnly|ReadWrite|Inaccessible|Bind)\w*|DynamicUser|LoadCredential|RootDirectory|TemporaryFileSystem)=/m,
        );
    }
  });

  test('the example settings open nothing by themselves', () => {
    const lines = readFileSync(path.join(projectDir, 'packaging/env/api.env'), 'utf8').split('\n');
    const set = lines.filter((line) => /^[A-Z_]+=/.test(line)).map((line) => line.split(/=(.*)/s).slice(0, 2));
    const config = readConfig(Object.fromEntries(set) as Record<string, string>);
    expect(config).toMatchObject({ auth: { kind: 'none' } });
    expect(config.listen.host).toBe('127.0.0.1');
  });

  test('the example settings are understood by the programs that read them', () => {
    const settings = (name: string): Record<string, string> => {
      const lines = readFileSync(path.join(projectDir, 'packaging/env', name), 'utf8').split('\n');
      const set = lines.map((line) => line.replace(/^#(?=[A-Z_]+=)/, '')).filter((line) => /^[A-Z_]+=/.test(line));
      return Object.fromEntries(
        set.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    };
    const folder = mkdtempSync(path.join(tmpdir(), 'plumb-login-'));
    try {
      const login = path.join(folder, 'nova.rc');
      const lines = ['AUTH_URL=http://keystone:5000/v3', 'USERNAME=neutron', 'PASSWORD=x', 'PROJECT_NAME=service'];
      const domains = ['USER_DOMAIN_NAME=Default', 'PROJECT_DOMAIN_NAME=Default'];
      writeFileSync(login, [...lines, ...domains].map((line) => `export OS_${line}\n`).join(''));
      // The file has all ways to log in, all but one commented out.
      const api = { ...settings('api.env'), PLUMB_AUTH: 'none', PLUMB_NOVA_CREDENTIALS_FILE: login };
      expect(readConfig(api)).toMatchObject({
        auth: { kind: 'none' },
        listen: { host: '127.0.0.1', port: 9696 },
        nova: { url: 'http://nova:8774/v2.1' },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
    for (const { settings: own } of Object.values(NODE_AGENTS)) {
      expect(readAgentConfig(settings('node.env'), own)).toMatchObject({ host: 'net1' });
      // Each setting of an agent is shown there.
      expect(Object.keys(settings('node.env'))).toEqual(expect.arrayContaining(Object.keys(own)));
    }
    expect(nodeFacts(settings('node.env'))).toMatchObject({ bridgeMappings: { physnet1: 'br-ex' } });
  });
});

describe('the page, followed', () => {
  let before: string;
  let controller: Machine;
  let node: Machine;
  let outside: Machine;
  const followed: Block[] = [];
  /** Each step needs the ones before it. */
  let lost: string | null = null;

  beforeAll(async () => {
    before = await hostFiles();
    controller = await Machine.start('controller');
    node = await Machine.start('net1');
    outside = await Machine.start('outside');
    await controller.wire('eth0', node, 'eth0');
    await node.wire('eth1', outside, 'eth0');
    await controller.at(['ip', 'address', 'add', '10.20.0.10/24', 'dev', 'eth0']);
    await node.at(['ip', 'address', 'add', '10.20.0.11/24', 'dev', 'eth0']);
    await outside.at(['ip', 'address', 'add', '10.16.161.67/21', 'dev', 'eth0']);
    // A network card computes checksums; a veth leaves that to a card that the packet never passes.
    await outside.at(['ethtool', '-K', 'eth0', 'tx', 'off']);
  }, PATIENCE_MS);
  afterAll(async () => {
    await Promise.all([controller, node, outside].map((machine) => machine?.stop()));
    expect(await hostFiles()).toBe(before);
  }, PATIENCE_MS);

  /** Types all blocks under a heading, in order; resolves with what the last one printed. */
  async function follow(heading: string): Promise<string> {
    const here = blocks.filter((block) => block.heading === heading);
    if (here.length === 0) throw new Error(`the page has no blocks under "${heading}"`);
    if (lost !== null) throw new Error(`not tried: "${lost}" has failed`);
    lost = heading;
    let printed = '';
    for (const block of here) {
      followed.push(block);
      if (['systemd', 'packages', 'code'].includes(block.kind)) continue;
      const machine = { controller, node, outside }[block.where];
      if (machine === undefined) throw new Error(`"${heading}": no machine ${block.where}`);
      printed = await machine.type(block.kind === 'copy' ? await carry(block.text) : block.text);
      if (block.kind === 'tell-node') await node.type(printed);
    }
    lost = null;
    return printed;
  }

  /** Copies the files that scp would copy (there is no SSH here). Returns the other lines. */
  async function carry(text: string): Promise<string> {
    const others: string[] = [];
    for (const line of text.split('\n')) {
      const [, from = '', to = ''] = /^scp root@\$controller:(\S+) (\S+)$/.exec(line) ?? [];
      if (from === '') {
        others.push(line);
        continue;
      }
      await node.type(others.splice(0).join('\n'));
      const file = (await node.type(`echo "${from}"`)).trim();
      const target = (await node.type(`echo "${to}"`)).trim();
      await node.at(['sh', '-c', 'umask 077; cat >"$1"', 'sh', target], { stdin: await controller.text('cat', file) });
    }
    return others.join('\n');
  }

  /** Router namespaces with addresses, routes and rules, and the switch's ports and flows: names and meaning, no counters. */
  async function picture(): Promise<string> {
    return node.type(`(
      for each in $(ip netns | cut -d' ' -f1 | grep ^qrouter- | sort); do
        echo "== $each"; ip -n "$each" -brief address; ip -n "$each" route
        ip netns exec "$each" iptables-save | grep -v '^#' | sed 's/ \\[[0-9:]*\\]$//'
      done
      ovs-vsctl --format=csv --columns=name,tag,external_ids list Port | sort
      for bridge in $(ovs-vsctl list-br | sort); do
        echo "== $bridge"; ovs-ofctl --no-stats --names dump-flows "$bridge" | grep -v 'cookie=0x504c8' | sort
      done
    )`);
  }
  const answers = async (): Promise<string> =>
    (await outside.at(['curl', '-sS', '-m', '2', 'http://10.16.161.51/'], { okCodes: [0, 7, 28] })).stdout;

  test(
    'the controller comes up',
    async () => {
      await follow('Your addresses');
      await follow('The programs, on both machines');
      await follow('PostgreSQL');
      await follow('NATS');
      await follow("The API's settings");
      expect(await follow('Start it')).toContain('v2.0');
      const guard = await controller.type('(set -a; . /etc/plumbline/api.env; plumb db guard)');
      expect(JSON.parse(guard)).toEqual({ on: true, reasons: [] });
    },
    PATIENCE_MS,
  );

  test('nobody reaches the API from the node', async () => {
    const { code } = await node.at(['curl', '-sS', '-m', '2', 'http://10.20.0.10:9696/'], { okCodes: [0, 7, 28] });
    expect(code).toBe(7);
  });

  test(
    'the node comes up',
    async () => {
      await follow('Open vSwitch and its uplink');
      await follow('Its login and its settings');
      await follow('Start its agents');
    },
    PATIENCE_MS,
  );

  test(
    'the outside reaches the instance by its floating IP, by ping and TCP, and the instance the outside',
    async () => {
      expect(await follow('On the controller')).toContain('port=');
      await follow('On the node');
      expect(await follow('It answers')).toContain(' 0% packet loss');
      expect(await answers()).toBe('qvm1\n');
    },
    PATIENCE_MS,
  );

  test(
    'the node shows what is there and why, and a replay finds nothing to do',
    async () => {
      await follow('Look around');
      expect(await node.type('ip netns')).toMatch(/^qrouter-/m);
      expect(await node.type('ip netns exec "qrouter-$router" iptables-save -t nat')).toMatch(
        /-d 10\.16\.161\.51\/32 .*--comment "plumb:\d+" .*--to-destination 10\.0\.0\.3/,
      );
      const replay = (more: string): string =>
        `(set -a; . /etc/plumbline/node.env; plumb replay --node "$host" --view "/tmp/$host.view" --dry-run ${more})`;
      expect(await node.type(replay('2>&1'))).toContain('nothing to do');
      expect(await node.type(replay('--from-nothing'))).toContain('iptables-restore');
    },
    PATIENCE_MS,
  );

  test(
    'a second node gets a login, and the first one notices nothing',
    async () => {
      const connections = (): Promise<string> =>
        controller.type("ss --no-header --tcp state established '( sport = :4222 )' | awk '{ print $4 }' | sort");
      const before = await connections();
      await follow('Another node');
      const login = `
      import { readFileSync } from 'node:fs';
      import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
      const seed = readFileSync('/etc/plumbline/cmp1.nk', 'utf8').trim();
      const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
      const tls = { caFile: '/etc/plumbline/ca.pem' };
      const connection = await connect({ servers: '10.20.0.10:4222', authenticator, tls, inboxPrefix: 'none' });
      await connection.close();`;
      await until(
        async () => {
          await controller.at(['env', '-C', '/opt/plumbline', 'node', '--input-type=module', '--eval', login]);
          return true;
        },
        () => 'cmp1 cannot log in',
        60 * seconds,
      );
      expect(await connections()).toBe(before);
      expect(before.trim().split('\n').length).toBeGreaterThan(2);
    },
    PATIENCE_MS,
  );

  test(
    'a controller with another log changes nothing on the node, and is told',
    async () => {
      const standing = await picture();
      expect(await follow('A controller made anew')).toMatch(/foreign-log/);
      expect(await node.type('curl --silent http://127.0.0.1:9711/health')).toContain('plumb node rebind');
      expect(await picture()).toBe(standing);
      expect(await answers()).toBe('qvm1\n');
    },
    PATIENCE_MS,
  );

  test(
    'rebind without --yes shows the difference and changes nothing',
    async () => {
      const standing = await picture();
      const bound = await node.text('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:plumb-log');
      const printed = await follow('What following it would change');
      const names = (await node.text('ip', 'netns')).match(/^qrouter-\S+/gm);
      expect(names).toHaveLength(1);
      expect(printed).toContain(`# would be removed: namespace ${names?.[0]}\n`);
      const served = (await node.text('ip', 'netns')).match(/^qdhcp-\S+/gm);
      expect(served).toHaveLength(1);
      expect(printed).toContain(`# would be removed: namespace ${served?.[0]}\n`);
      // Of the router's gateway and interface, and of DHCP.
      expect(printed.match(/^# would be removed: port tap/gm)).toHaveLength(3);
      expect(await picture()).toBe(standing);
      expect(await node.text('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:plumb-log')).toBe(bound);
      expect(await answers()).toBe('qvm1\n');
    },
    PATIENCE_MS,
  );

  test(
    'rebind with --yes and agents started again makes the node follow the new log',
    async () => {
      await follow('Follow it');
      await until(
        async () => !(await node.text('ip', 'netns')).includes('qrouter-'),
        () => "the old log's router is still there",
      );
      await controller.type(
        // The page makes a network node, where every kind of agent runs that nodes run by default.
        `until [ "$(api GET "agents?host=$host" | grep -o in-sync | wc -l)" = ${agentsWhere(({ byDefault }) => byDefault).length} ]; do sleep 0.2; done`,
      );
      const log = (await node.text('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:plumb-log')).trim();
      const view: unknown = JSON.parse(await controller.type('plumb replay --node "$host" --save -'));
      expect(view).toMatchObject({ log: log.replaceAll('"', '') });
      expect(await answers()).toBe('');
      // It is now a node like any other: the same journey works again.
      await follow('On the controller');
      await follow('On the node');
      expect(await follow('It answers')).toContain(' 0% packet loss');
      expect(await answers()).toBe('qvm1\n');
    },
    PATIENCE_MS,
  );

  test('nothing on the page was left out', () => {
    const missed = blocks
      .filter((block) => !followed.includes(block))
      .map(({ heading, text }) => `${heading}: ${text}`);
    expect(missed).toEqual([]);
  });
});
