/**
 * The network to the broker forgets a connection that much is being sent on: the kernel takes no more, and what waits is never sent.
 * Stated: the connection is left, and what is sent arrives again, within 15 seconds all the same.
 */
import { type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { SilentRelay } from '@plumbline/event-store/testing';
import { NatsWire } from '@plumbline/messaging/nats';
import { createLogger } from '@plumbline/telemetry';
import { end, eventually, startNats } from './api-process.js';

/** More than the kernel's buffers of both ends take. */
const MESSAGES = 200;
const BODY = 'x'.repeat(256 * 1024);
const BACK_MS = 15_000;

describe('a connection to the broker that falls silent while much is sent', () => {
  let dir: string;
  let broker: ChildProcess;
  let relay: SilentRelay;
  let wire: NatsWire;
  /** Beside the relay. */
  let observer: NatsConnection;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), `plumb-broker-${process.pid}-`));
    const { nats, natsUrl } = await startNats(dir);
    broker = nats;
    observer = await connect({ servers: natsUrl });
    const { hostname, port } = new URL(natsUrl);
    relay = await SilentRelay.to({ host: hostname, port: Number(port) });
    const url = `nats://127.0.0.1:${relay.port}`;
    wire = new NatsWire({ url, login: { kind: 'none' } }, 'spec', createLogger({ name: 'spec', level: 'silent' }));
    wire.start();
    await eventually(async () => wire.connected || undefined);
  });
  afterAll(async () => {
    await wire?.close();
    await observer?.close();
    await relay?.stop();
    if (broker) await end(broker);
    await rm(dir, { recursive: true, force: true });
  });

  it('is left, and what is sent arrives again', async () => {
    expect(relay.silence()).toBe(1);
    const began = performance.now();
    for (let sent = 0; sent < MESSAGES; sent += 1) wire.send('plumbline.spec', BODY);
    let heard = false;
    const hearing = (async () => {
      for await (const _ of observer.subscribe('plumbline.again', { max: 1 })) heard = true;
    })();
    await eventually(async () => {
      wire.send('plumbline.again', 'here');
      return heard || undefined;
    });
    await hearing;
    expect(performance.now() - began).toBeLessThan(BACK_MS);
  });
});
