import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '@plumbline/exec';
import { clean } from './clean.js';
import { buildInfrastructure, type Infrastructure } from './infrastructure.js';
import { freePort } from './free-port.js';
import { natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';
import { loginEnvironment } from './nats.js';
import { silent } from './progress.js';
import { defaultNodes, labSpec } from './spec.js';
import { newLabState, StateKeeper } from './state.js';
import { unitStatuses } from './status.js';

/** A lab with the operator's own NATS server (NATS_URL), which the nodes cannot reach directly. */
const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = mkdtempSync(path.join(tmpdir(), 'plumb-foreign-'));
const spec = labSpec({
  projectDir,
  name: `f${process.pid}`,
  stateDir: path.join(folder, 'state'),
  nodes: defaultNodes.slice(0, 1),
});
const node = newNkeyPair();
let server: ChildProcess;
let keeper: StateKeeper;
let lab: Infrastructure;

beforeAll(async () => {
  const port = await freePort();
  const configuration = path.join(folder, 'nats.conf');
  writeFileSync(
    configuration,
    natsConfiguration(`127.0.0.1:${port}`, [{ publicKey: node.publicKey, ...nodePermissions('net1', ['network']) }]),
  );
  server = spawn('nats-server', ['--config', configuration], { stdio: 'ignore' });
  keeper = new StateKeeper(spec.stateDir, newLabState(randomUUID()));
  const seed = path.join(folder, 'seed');
  writeFileSync(seed, node.seed);
  const env = { NATS_URL: `nats://127.0.0.1:${port}`, NATS_NKEY_FILE: seed };
  lab = await buildInfrastructure(spec, keeper, silent, { programs: false, env });
});
afterAll(async () => {
  await clean(spec, keeper.state);
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

test('a node logs in to a NATS server beyond the lab', async () => {
  const place = lab.nodes.get('net1');
  if (place === undefined) throw new Error('no node');
  const script = `
    import nats from '${place.paths.project}/node_modules/@nats-io/transport-node/lib/mod.js';
    import { readFileSync } from 'node:fs';
    const nc = await nats.connect({ servers: process.argv[2], authenticator: nats.nkeyAuthenticator(new TextEncoder().encode(readFileSync(process.argv[3], 'utf8').trim())), maxReconnectAttempts: 50, waitOnFirstConnect: true });
    nc.publish('plumb.v1.report.net1.l3', 'hello');
    await nc.flush();
    console.log(nc.getServer());
    await nc.close();`;
  const { stdout } = await run(
    [
      ...place.enter,
      place.paths.node,
      '--input-type=module',
      '-',
      lab.nats.nodeUrl,
      loginEnvironment(lab.nats, place)['NATS_NKEY_FILE'] ?? '',
    ],
    { stdin: script },
  );
  expect(stdout).toContain('172.31.250.1:4222');
});

test('the lab runs no NATS server, and the other server’s configuration stays as it was', () => {
  expect(unitStatuses(spec.stateDir).map(({ name }) => name)).not.toContain('nats');
  expect(readFileSync(path.join(folder, 'nats.conf'), 'utf8')).toContain(node.publicKey);
});
