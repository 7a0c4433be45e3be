/** docker-compose.yml as Compose reads it. Needs the Compose program, but no engine and no root. */
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

describe('docker-compose.yml', () => {
  let program: readonly string[];
  const read = async (profiles: readonly string[]): Promise<z.infer<typeof File>> => {
    const config = [...program, ...profiles.flatMap((each) => ['--profile', each]), 'config'];
    if (program[0] === 'docker') return File.parse(JSON.parse((await run([...config, '--format', 'json'])).stdout));
    // Debian's Compose prints YAML only, and is written in Python with a YAML reader.
    const toJson = [
      '/usr/bin/python3',
      '-c',
      'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)',
    ];
    return File.parse(JSON.parse((await run(toJson, { stdin: (await run(config)).stdout })).stdout));
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

  it('gives nodes the three capabilities they need, and the controller none', async () => {
    const { services } = await read(['nodes', 'client']);
    expect(Object.values(services).filter(({ privileged }) => privileged === true)).toEqual([]);
    for (const node of ['net1', 'cmp1']) expect(services[node]?.cap_add).toEqual(['NET_ADMIN', 'SYS_ADMIN', 'NET_RAW']);
    for (const name of ['api', 'migrate', 'nats', 'postgres']) expect(services[name]?.cap_drop).toEqual(['ALL']);
  });
});
