/**
 * A NATS connection that loses, doubles and reorders messages on their way: a proxy between an agent and its server.
 *
 *     agent ── tcp ──► relay in the node's place ── unix socket ──► LossyNats (this process) ── tcp ──► nats-server
 *
 * It reads the protocol of NATS (docs.nats.io, "Client Protocol") as far as is needed to tell one message from the next: MSG and HMSG towards the client,
 * PUB and HPUB from it; all other lines pass. It only acts on whole messages, so a connection never breaks because of it.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { ensureUnit, labEnvironment, placeFolder, runningPlace } from '@plumbline/lab';
import type { TestLab } from '../../system/testing/test-lab.js';

/** Probabilities of what happens to a message, drawn in this order; the rest passes. */
export interface Faults {
  readonly drop: number;
  readonly double: number;
  /** Held back until the next message in its direction has passed, at most 200 ms. */
  readonly swap: number;
}
export const noFaults: Faults = { drop: 0, double: 0, swap: 0 };

const port = 4333;
const holdMs = 200;
const kinds = /^(?:MSG|HMSG|PUB|HPUB) /i;

export class LossyNats {
  faults: Faults = noFaults;
  readonly counts = { passed: 0, dropped: 0, doubled: 0, swapped: 0 };
  private readonly sockets = new Set<Socket>();
  private seed: number;

  private constructor(
    private readonly server: Server,
    seed: number,
  ) {
    this.seed = seed;
  }

  /** Puts the proxy between the agents of a node and NATS, and restarts the agents. The same seed gives the same faults. */
  static async between(lab: TestLab, host: string, agents: readonly string[], seed: number): Promise<LossyNats> {
    const { natsUrl, labId } = lab.state;
    const target = new URL(natsUrl ?? '');
    const file = path.join(placeFolder(lab.spec, host), 'lossy.sock');
    rmSync(file, { force: true });
    const server = createServer();
    const made = new LossyNats(server, seed);
    server.on('connection', (client) => made.join(client, connect(Number(target.port), target.hostname)));
    await new Promise<void>((resolve) => server.listen(file, resolve));
    const place = runningPlace(lab.spec, host);
    await ensureUnit(lab.spec.stateDir, {
      name: `lossy-${host}`,
      order: 29,
      argv: [
        ...[...place.enter, place.paths.node, `${place.paths.project}/libs/lab/dist/relay-main.js`],
        ...[place.paths.var, `127.0.0.1:${port}`, 'lossy.sock'],
      ],
      env: labEnvironment(labId),
      restart: true,
      afterStart: [],
      stopSignal: 'SIGTERM',
    });
    for (const agent of agents) await lab.withEnvironment(`${agent}-${host}`, { NATS_URL: `nats://127.0.0.1:${port}` });
    return made;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(from);
      const way = new Way(to, () => this.draw());
      from.on('data', (chunk: Buffer) => way.take(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        way.close();
        to.destroy();
      });
    }
  }

  private draw(): 'pass' | 'drop' | 'double' | 'swap' {
    // Park and Miller's generator: repeatable, and random enough for this.
    this.seed = (this.seed * 48_271) % 2_147_483_647;
    const lot = this.seed / 2_147_483_647;
    const { drop, double, swap } = this.faults;
    const what = lot < drop ? 'drop' : lot < drop + double ? 'double' : lot < drop + double + swap ? 'swap' : 'pass';
    this.counts[({ pass: 'passed', drop: 'dropped', double: 'doubled', swap: 'swapped' } as const)[what]] += 1;
    return what;
  }
}

/** One direction of one connection. */
class Way {
  private rest: Buffer = Buffer.alloc(0);
  private held: Buffer | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly to: Socket,
    private readonly draw: () => 'pass' | 'drop' | 'double' | 'swap',
  ) {}

  take(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const end = this.rest.indexOf('\r\n');
      if (end < 0) return;
      const line = this.rest.subarray(0, end).toString('latin1');
      const isMessage = kinds.test(line);
      const length = end + 2 + (isMessage ? Number(line.split(' ').at(-1)) + 2 : 0);
      if (this.rest.length < length) return;
      const whole = this.rest.subarray(0, length);
      this.rest = this.rest.subarray(length);
      if (isMessage) this.message(whole);
      else this.write(whole);
    }
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer);
  }

  private message(whole: Buffer): void {
    const what = this.held ? 'pass' : this.draw();
    if (what === 'drop') return;
    if (what === 'swap') {
      this.held = Buffer.from(whole);
      this.timer = setTimeout(() => this.release(), holdMs);
      return;
    }
    this.write(whole);
    if (what === 'double') this.write(whole);
    this.release();
  }

  private release(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const { held } = this;
    this.held = null;
    if (held) this.write(held);
  }

  private write(bytes: Buffer): void {
    if (!this.to.destroyed) this.to.write(bytes);
  }
}
