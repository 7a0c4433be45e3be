/** PostgreSQL, a broker and one API process with users of its own, without nodes: for benchmarks of the API alone. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestNats } from '../../apps/api/out-tsc/testing/start-nats.js';
import { startPostgres } from '../../libs/event-store/dist/testing/index.js';
import {
  addUser,
  emptyIdentityFile,
  ensureTokenKey,
  hashPassword,
  readIdentityFile,
  writeIdentityFile,
} from '../../libs/identity/dist/index.js';
import { projectDir } from './report.mjs';

const PASSWORD = 'of the benchmark';

/** `users`: `{ name, project, role }`. Resolves with URLs, pids, `token(user)`, and `stop`. */
export async function startApiAlone(users) {
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-bench-'));
  const [postgres, nats] = await Promise.all([startPostgres(), TestNats.make()]);
  const files = { identity: path.join(folder, 'identity.json'), key: path.join(folder, 'token.key') };
  writeIdentityFile(files.identity, emptyIdentityFile());
  for (const user of users) {
    const more = { passwordHash: await hashPassword(PASSWORD), now: new Date().toISOString() };
    writeIdentityFile(files.identity, addUser(readIdentityFile(files.identity), { ...user, ...more }));
  }
  ensureTokenKey(files.key);
  const api = spawn(process.execPath, [path.join(projectDir, 'apps/api/dist/main.js')], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: postgres.serviceUrl,
      NATS_URL: nats.url,
      PLUMB_LISTEN: '127.0.0.1:0',
      PLUMB_AUTH: 'builtin',
      PLUMB_IDENTITY_FILE: files.identity,
      PLUMB_TOKEN_KEY_FILE: files.key,
      PLUMB_QUOTAS: '*=-1',
      PLUMB_REQUESTS_PER_SECOND: '0',
      PLUMB_LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    api.stdout.on('data', (chunk) => {
      if (said.length > 100_000) return;
      said += chunk;
      const match = /"listen":"([^"]+)"/.exec(said);
      if (match) resolve(match[1]);
    });
    api.once('exit', () => reject(new Error(`the API ended: ${said}`)));
  });
  return {
    url,
    natsUrl: nats.url,
    migrationUrl: postgres.migrationUrl,
    pid: api.pid,
    postgresPid: Number(readFileSync(path.join(postgres.dir, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]),
    async token({ name, project }) {
      const auth = {
        identity: {
          methods: ['password'],
          password: { user: { name, domain: { id: 'default' }, password: PASSWORD } },
        },
        scope: { project: { name: project, domain: { name: 'Default' } } },
      };
      const answer = await fetch(`${url}/v3/auth/tokens`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ auth }),
      });
      const { token } = await answer.json();
      return { text: answer.headers.get('x-subject-token'), projectId: token.project.id };
    },
    async stop() {
      const gone = new Promise((resolve) => api.once('exit', resolve));
      api.kill('SIGTERM');
      await gone;
      await nats.kill();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
