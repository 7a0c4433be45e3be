import { symlink, unlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentBackend, readAgentConfig } from '@plumbline/agent-runtime/nest';
import { run } from '@plumbline/exec';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Instance, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { makeOvsBackend } from './backend.js';
import { ovsSettings } from './settings.js';

/** Where an agent finds its switch: empty, and this spec's own. */
const RUN_DIR = '/run/openvswitch';
/** The network namespace of this process, which has no name of its own: an agent works where it runs. */
const HERE = `here-${process.pid}`;
const GROUP = 900;
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

describe('the agent of a node whose instances have bridges', () => {
  const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'hybrid' } as const;
  const instances: Instance[] = [];
  const probers: Prober[] = [];
  const logged: Record<string, unknown>[] = [];
  const statuses = new Map<string, string>();
  let real: RealSwitch;
  let backend: AgentBackend;
  let work: Promise<unknown> = Promise.resolve();

  /** TCP port 80 in, everything out; what is dropped of 12 is told. */
  const { view } = [11, 12]
    .reduce(
      (builder, n) =>
        builder.port(n, 1, {
          id: portId(n),
          fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }],
          securityGroupIds: [idOf(GROUP)],
        }),
      new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 }),
    )
    .group(GROUP)
    .rule(1, GROUP, { direction: 'egress' })
    .rule(2, GROUP, { protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 })
    .packetLog(50, { portId: portId(12) });
  const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
    for (const end = Date.now() + 20_000; !(await holds());) {
      if (Date.now() > end) throw new Error(`not within 20 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const reaches = (port: number) =>
    probers[0]?.ask({ do: 'tcp', to: '10.0.0.12', port, seconds: port === 80 ? 5 : 0.5 });

  beforeAll(async () => {
    // It changes the rules of its own namespace: only where `npm test` made one for it (tools/setup/alone.sh).
    await run(['ip', 'link', 'show', 'gateway']);
    await run(['ip', 'netns', 'attach', HERE, String(process.pid)]);
    real = await RealSwitch.start(config, HERE);
    await symlink(real.ovs.dir, RUN_DIR);
    const environment = {
      ...{ PLUMB_HOST: 'cmp1', PLUMB_STATE_DIR: real.ovs.dir, NATS_URL: 'nats://127.0.0.1:4222' },
      ...{ PLUMB_OVSDB: real.ovs.remote, PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'hybrid' },
    };
    const destination = { write: (line: string) => void logged.push(JSON.parse(line)) };
    const logger = createLogger({ name: 'spec', level: 'info', destination });
    backend = await makeOvsBackend(readAgentConfig(environment, ovsSettings), logger);
    backend.onNodeChange?.((touched) => {
      work = work.then(async () => {
        const result = await backend.reconciler.converge(view, { touched, mayRemove: true, unverified: false });
        for (const { id, status } of result.statuses) statuses.set(id, status);
      });
    });
    await until('br-int', () => real.mirror.bridge('br-int') !== undefined);
    for (const n of [11, 12]) {
      const options = { mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: portId(n) };
      const instance = await Instance.plugByBridge(real, options);
      instances.push(instance);
      probers.push(await Prober.start(instance.netns.name, [80, 81]));
    }
    await until('ACTIVE', () => [11, 12].every((n) => statuses.get(portId(n)) === 'ACTIVE'));
  });
  afterAll(async () => {
    await work;
    await backend.close();
    await unlink(RUN_DIR);
    for (const prober of probers) await prober.stop();
    for (const instance of instances) await instance.remove();
    await real.stop();
    await run(['ip', 'netns', 'delete', HERE]);
  });

  it('logs what is dropped, and puts back by itself what somebody changes by hand', async () => {
    expect(await reaches(80)).toBe(true);
    expect(await reaches(81)).toBe(false);
    const told = () => logged.find(({ step }) => step === 'packet');
    await until('a line', () => told() !== undefined);
    const ports = { src: '10.0.0.11', dst: '10.0.0.12', dstPort: 81, protocol: 'tcp' };
    const of = { port: portId(12), securityGroups: [idOf(GROUP)], packetLogs: [idOf(50)] };
    expect(told()).toMatchObject({ verdict: 'DROP', direction: 'ingress', ...of, ...ports });
    await run(['iptables', '-I', 'FORWARD', '1', '-j', 'ACCEPT']);
    await until('a first rule', async () =>
      (await run(['iptables', '-S', 'FORWARD'])).stdout.includes(
        '-A FORWARD -j neutron-openvswi-FORWARD\n-A FORWARD -j ACCEPT',
      ),
    );
    await run(['iptables', '-F', 'neutron-openvswi-FORWARD']);
    await until('judged again', async () => (await reaches(81)) === false);
    expect(await reaches(80)).toBe(true);
  });
});
