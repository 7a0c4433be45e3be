import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Health, serveHealth, type HealthServer } from './index.js';

describe('Health', () => {
  it('is well when every check is, and names each', async () => {
    const health = new Health();
    health.add('log', () => ({ ok: true, position: 12 }));
    const remove = health.add('ovsdb', async () => ({ ok: false, detail: 'not connected to unix:/x' }));
    const log = { ok: true, position: 12 };
    const ovsdb = { ok: false, detail: 'not connected to unix:/x' };
    expect(await health.report()).toEqual({ status: 'failing', checks: { log, ovsdb } });
    remove();
    expect(await health.report()).toEqual({ status: 'ok', checks: { log } });
  });

  it('takes an error and silence as failing', async () => {
    const health = new Health({ timeoutMs: 20 });
    health.add('error', () => Promise.reject(new Error('gone')));
    health.add('silent', () => new Promise(() => undefined));
    const checks = { error: { ok: false, detail: 'gone' }, silent: { ok: false, detail: 'no answer within 20 ms' } };
    expect(await health.report()).toEqual({ status: 'failing', checks });
  });
});

it('is degraded when a check works and is not well, which takes nobody out of service', async () => {
  const health = new Health();
  health.add('agents', () => ({ ok: true, degraded: true, detail: 'one is behind' }));
  expect((await health.report()).status).toBe('degraded');
  const degraded = await serveHealth({ listen: 0, health });
  expect((await ask({ port: degraded.address as number, path: '/health' }))[0]).toBe(200);
  await degraded.close();
  health.add('log', () => ({ ok: false }));
  expect((await health.report()).status).toBe('failing');
});

describe('serveHealth', () => {
  let directory: string;
  let server: HealthServer | undefined;
  beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'plumb-health-'))));
  afterEach(async () => {
    await server?.close();
    await rm(directory, { recursive: true });
  });

  it('answers 200 and 503 on a port, 404 and 405 to the rest', async () => {
    const health = new Health();
    server = await serveHealth({ listen: 0, health });
    const at = { port: server.address as number };
    expect(await ask({ ...at, path: '/health' })).toEqual([200, { status: 'ok', checks: {} }]);
    health.add('x', () => ({ ok: false }));
    expect(await ask({ ...at, path: '/health?y=1' })).toEqual([
      503,
      { status: 'failing', checks: { x: { ok: false } } },
    ]);
    expect((await ask({ ...at, path: '/' }))[0]).toBe(404);
    expect((await ask({ ...at, path: '/health', method: 'POST' }))[0]).toBe(405);
  });

  it('replaces a dead socket, never a live one, and removes its own', async () => {
    const path = join(directory, 'health.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    await expect(serveHealth({ listen: path, health: new Health() })).rejects.toThrow('EADDRINUSE');
    await new Promise((resolve) => dead.close(resolve));
    server = await serveHealth({ listen: path, health: new Health() });
    expect((await ask({ socketPath: path, path: '/health' }))[0]).toBe(200);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });
});

function ask(options: {
  port?: number;
  socketPath?: string;
  path: string;
  method?: string;
}): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', ...options }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve([response.statusCode ?? 0, JSON.parse(body) as unknown]));
    });
    asking.on('error', reject);
    asking.end();
  });
}
