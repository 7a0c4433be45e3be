/** The benchmarks' own lab, made by `plumb lab up`, and functions to use it. */
import http from 'node:http';
import path from 'node:path';
import { run } from '@plumbline/exec';
import { ApiClient, argvAt, labSpec, loginsOf, readLabState, runningPlace } from '@plumbline/lab';
import { startLoad } from './load.mjs';
import { benchDir, projectDir } from './report.mjs';

const name = 'bench';
const spec = labSpec({ projectDir, name, stateDir: path.join(benchDir, 'lab') });

const plumbLab = (command) =>
  run([process.execPath, path.join(projectDir, 'apps/cli/dist/main.js'), 'lab', '--name', name, command], {
    env: { PLUMB_STATE: spec.stateDir, PLUMB_QUOTAS: '*=-1', PLUMB_REQUESTS_PER_SECOND: '0' },
    timeoutMs: 180_000,
  });

export const removeLab = () => plumbLab('down');

/** Makes a new lab. `api`: the Networking API over `sockets` persistent connections. */
export async function startLab() {
  console.error('a lab for the benchmarks ...');
  await removeLab();
  await plumbLab('up');
  const state = readLabState(spec.stateDir);
  const token = await new ApiClient(state.apiUrl, loginsOf(state)[0]).token();
  return {
    spec,
    state,
    token,
    api: (sockets) => apiOver(state.apiUrl, sockets, token),
    load: () => startLoad(state.apiUrl, { 'x-auth-token': token }),
    place: (where) => runningPlace(spec, where),
    argv: (where, command) => argvAt(spec, state, where, command),
    stop: removeLab,
  };
}

function apiOver(base, sockets, token) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });
  const { hostname, port } = new URL(base);
  const request = (method, url, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        'x-auth-token': token,
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const sent = http.request({ agent, hostname, port, method, path: url, headers }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode >= 300)
            return reject(new Error(`${method} ${url}: ${response.statusCode} ${answer}`));
          resolve({ text: answer, json: () => JSON.parse(answer) });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  return {
    get: (url) => request('GET', url),
    put: (url, body) => request('PUT', url, body),
    delete: (url) => request('DELETE', url),
    /** Resolves with the object that was made. */
    async create(member, attributes) {
      return (await request('POST', `/v2.0/${member}s`, { [member]: attributes })).json()[member];
    },
    /** Makes all or none; resolves with the objects that were made. */
    async createMany(member, list) {
      return (await request('POST', `/v2.0/${member}s`, { [`${member}s`]: list })).json()[`${member}s`];
    },
    async list(collection, query) {
      return (await request('GET', `/v2.0/${collection}?${query}`)).json()[collection];
    },
    close: () => agent.destroy(),
  };
}
