/** docker-compose.yml as Compose reads it. Needs the Compose program, but no engine and no root. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { z } from 'zod';
import { composeProgram } from './engine/programs.js';

/** Compose versions print lists and maps for the same thing. */
const Environment = z.union([z.record(z.string(), z.unknown()), z.array(z.string())]).optional();
const Service = z.object({
  profiles: z.array(z.string()).optional(),
  environment: Environment,
  ports: z.array(z.unknown()).optional(),
  privileged: z.boolean().optional(),
  network_mode: z.string().optional(),
  cap_add: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  mem_limit: z.union([z.string(), z.number()]).optional(),
  healthcheck: z.object({ test: z.array(z.string()), interval: z.string(), start_period: z.string() }).optional(),
  user: z.string().optional(),
  volumes: z.array(z.unknown()).optional(),
});
const File = z.object({ services: z.record(z.string(), Service) });

function variable(service: z.infer<typeof Service> | undefined, name: string): string | undefined {
  const { environment } = service ?? {};
  if (environment === undefined) return undefined;
  if (!Array.isArray(environment)) return environment[name] === undefined ? undefined : String(environment[name]);
  return environment.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** As the units in packaging/systemd leave the agents of a network node. */
const OF_NODES = [
  'NET_ADMIN',
  'SYS_ADMIN',
  'NET_RAW',
  'SYS_PTRACE',
  'KILL',
  'SETUID',
  'SETGID',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'CHOWN',
];

describe('docker-compose.yml', () => {
  let program: readonly string[];
  const read = async (profiles: readonly string[], env = {}): Promise<z.infer<typeof File>> => {
    const config = [...program, ...profiles.flatMap((each) => ['--profile', each]), 'config'];
    if (program[0] === 'docker')
      return File.parse(JSON.parse((await run([...config, '--format', 'json'], { env })).stdout));
    // Debian's Compose prints YAML only, and is written in Python with a YAML reader.
    const toJson = [
      '/usr/bin/python3',
      '-c',
      'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)',
    ];
    return File.parse(JSON.parse((await run(toJson, { stdin: (await run(config, { env })).stdout })).stdout));
  };

  beforeAll(async () => {
    const found = await composeProgram();
    if (found === null)
      throw new Error('Compose is missing. As root: apt-get install --no-install-recommends docker-compose');
    program = found;
  });

  it('is what Compose accepts: the controller alone, and with its nodes', async () => {
    // Debian's Compose prints all services, whatever the profile.
    const controller = Object.entries((await read([])).services).filter(
      ([, { profiles = [] }]) => profiles.length === 0,
    );
    expect(controller.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'nats', 'postgres', 'secrets']);
    const all = await read(['nodes', 'client']);
    expect(Object.keys(all.services)).toEqual(expect.arrayContaining(['net1', 'cmp1', 'outside', 'client']));
  });

  it('lets nobody but a neighbour in the network namespace reach an API without login', async () => {
    const { services } = await read(['nodes', 'client']);
    expect(variable(services['api'], 'PLUMB_AUTH')).toBe('none');
    expect(variable(services['api'], 'PLUMB_LISTEN')).toMatch(/^127\.0\.0\.1:/);
    const published = Object.entries(services).filter(([, { ports = [] }]) => ports.length > 0);
    expect(published).toEqual([]);
    expect(services['client']?.network_mode).toBe('service:api');
  });

  it('holds no secret, and gives each node its own login only', async () => {
    const { services } = await read(['nodes', 'client']);
    const names = Object.values(services).flatMap(({ environment = {} }) =>
      Array.isArray(environment) ? environment.map((each) => each.split('=')[0] ?? '') : Object.keys(environment),
    );
    expect(names.filter((name) => /PASSWORD|SECRET|SEED|URL$/.test(name) && name !== 'NATS_URL')).toEqual([]);
    const nodes = (variable(services['secrets'], 'PLUMB_NODES') ?? '').split(' ');
    expect(nodes).toEqual(['net1', 'cmp1']);
    for (const node of nodes) {
      expect(variable(services[node], 'PLUMB_HOST')).toBe(node);
      const volumes = JSON.stringify(services[node]?.volumes);
      expect(volumes.match(/[a-z0-9]+-secrets/g)).toEqual([`${node}-secrets`]);
    }
  });

  it('gives nodes the capabilities they need, and the controller none', async () => {
    const { services } = await read(['nodes', 'client']);
    expect(Object.values(services).filter(({ privileged }) => privileged === true)).toEqual([]);
    for (const node of ['net1', 'cmp1']) expect(services[node]?.cap_add).toEqual(OF_NODES);
    for (const name of ['api', 'migrate', 'nats', 'postgres']) expect(services[name]?.cap_drop).toEqual(['ALL']);
  });

  it('leaves every container only what it needs, and none without a memory limit', async () => {
    const { services } = await read(['nodes', 'client']);
    const added = Object.entries(services).map(([name, service]) => [name, service.cap_add ?? []] as const);
    expect(Object.fromEntries(added)).toEqual({
      ...{ api: [], migrate: [], nats: [], postgres: [] },
      secrets: ['CHOWN', 'DAC_READ_SEARCH'],
      client: ['NET_RAW'],
      outside: ['NET_ADMIN', 'NET_RAW'],
      net1: OF_NODES,
      cmp1: OF_NODES,
    });
    for (const [name, service] of Object.entries(services)) {
      const { cap_drop, security_opt = [], mem_limit } = service;
      expect({ name, cap_drop, mem_limit }).toEqual({ name, cap_drop: ['ALL'], mem_limit: expect.anything() });
      expect(security_opt).toContain('no-new-privileges:true');
      // Mounts are what `ip netns` is built on; nothing else is a reason to go without the profile.
      const isNode = service.cap_add?.includes('SYS_ADMIN') === true;
      expect({ name, unconfined: security_opt.some((each) => /unconfined/.test(each)) }).toEqual({
        name,
        unconfined: isNode,
      });
    }
  });

  it('asks services about their health by something cheap, and the API whether it can work', async () => {
    const { services } = await read(['nodes', 'client']);
    const checked = Object.entries(services).flatMap(([name, { healthcheck }]) =>
      healthcheck ? [{ name, ...healthcheck }] : [],
    );
    expect(checked.map(({ name }) => name).sort()).toEqual(['api', 'cmp1', 'nats', 'net1', 'postgres']);
    for (const { test, interval, start_period } of checked) {
      expect(test).not.toContain('node');
      expect(Number.parseInt(interval)).toBeGreaterThanOrEqual(5);
      expect(start_period).toMatch(/^(60s|1m0?s?)$/);
    }
    expect(services['api']?.healthcheck?.test).toEqual(['CMD', 'docker/answers.sh', '9696', '/healthz']);
  });

  it('is closed: nothing in the environment of whoever starts it makes security groups words', async () => {
    const { services } = await read([], { PLUMB_UNENFORCED_SECURITY_GROUPS: 'true', PLUMB_FIREWALL: 'none' });
    for (const service of Object.values(services))
      for (const name of ['PLUMB_UNENFORCED_SECURITY_GROUPS', 'PLUMB_FIREWALL'])
        expect(variable(service, name)).toBeUndefined();
  });
});

describe('docker/answers.sh', () => {
  const HANGS = 0;
  const asks = async (status: number, asked: string): Promise<{ code: number; seen: string[] }> => {
    const seen: string[] = [];
    const server = createServer((request, answer) => {
      seen.push(`${request.method} ${request.url} ${request.headers.host}`);
      if (status !== HANGS) answer.writeHead(status).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code } = await run(['docker/answers.sh', String(port), asked], { okCodes: [0, 1, 142] });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return { code, seen: seen.map((line) => line.replace(`:${port}`, '')) };
  };

  it('succeeds for 200 only', async () => {
    expect(await asks(200, '/healthz')).toEqual({ code: 0, seen: ['GET /healthz 127.0.0.1'] });
    for (const status of [204, 404, 500, 503]) expect((await asks(status, '/healthz')).code).not.toBe(0);
  });

  it('fails when nobody answers, or nobody listens', async () => {
    expect((await asks(HANGS, '/healthz')).code).not.toBe(0);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect((await run(['docker/answers.sh', String(port), '/'], { okCodes: [0, 1] })).code).toBe(1);
  });
});
