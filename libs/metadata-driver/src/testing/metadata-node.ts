/** A network node of a test's own whose guests are answered: routers by the L3 agent's own functions, the proxy by those of the metadata agent, a stand-in for Nova. */
import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceData, Port } from '@plumbline/contracts';
import { converge, L3Memory, outsideDevice } from '@plumbline/l3-core';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { convergeMetadataView, MetadataMemory, PROXY } from '@plumbline/metadata-core';
import { NodeProcesses } from '@plumbline/processes';
import type { HostView } from '@plumbline/topology';
import { createLogger } from '@plumbline/telemetry';
import { BuiltinBackend } from '../builtin.js';
import { NodeMetadataDriver } from '../node-driver.js';
import { NovaBackend } from '../nova.js';
import { MetadataService, type Backend } from '../service.js';

const DEADLINE_MS = 30_000;
/** Waits for what it returns to be neither null nor false. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const end = performance.now() + DEADLINE_MS; ; await delay(20)) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
  }
}

export type Asked = Readonly<{ method: string; path: string; headers: http.IncomingHttpHeaders; body: string }>;

/** Answers only what is signed, as Nova's metadata API does, with the instance's id; remembers what it was asked. */
export class NovaStandIn {
  readonly asked: Asked[] = [];
  private readonly server = http.createServer((request, reply) => void this.answer(request, reply));
  constructor(private readonly secret: string) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async answer(request: http.IncomingMessage, reply: http.ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request) body += String(part);
    const { method = '', url = '', headers } = request;
    this.asked.push({ method, path: url, headers, body });
    const id = String(headers['x-instance-id']);
    const right = createHmac('sha256', this.secret).update(id).digest('hex') === headers['x-instance-id-signature'];
    reply.writeHead(right && headers['x-tenant-id'] !== undefined ? 200 : 403, { 'content-type': 'text/plain' });
    reply.end(right ? `${id}\n` : 'Invalid proxy request signature.\n');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export class MetadataNode {
  private memory = new MetadataMemory();
  private l3Memory = new L3Memory();
  private service!: MetadataService<Port>;
  processes!: NodeProcesses;
  private driver!: NodeMetadataDriver;
  readonly secretFile: string;
  novaUrl = '';

  private constructor(
    readonly node: ScratchNode,
    readonly folder: string,
    readonly owner: string,
    readonly nova: NovaStandIn,
  ) {
    this.secretFile = path.join(folder, 'secret');
    writeFileSync(this.secretFile, 'not-a-secret\n', { mode: 0o600 });
  }

  /** Needs root, Open vSwitch, haproxy and curl. */
  static async make(): Promise<MetadataNode> {
    const folder = mkdtempSync('/tmp/plumb-metadata-');
    chmodSync(folder, 0o711);
    const made = new MetadataNode(
      await makeNode(),
      folder,
      `metadata-test-${process.pid}`,
      new NovaStandIn('not-a-secret'),
    );
    made.novaUrl = await made.nova.listen();
    await made.startAgent();
    return made;
  }

  private get terms() {
    const { owner, folder } = this;
    return { owner, runDir: folder, service: path.join(folder, 'service', 'socket'), answers: true };
  }

  /** An agent without memory, on the node as it is. `backend`: default Nova. */
  async startAgent(backend?: Backend<Port>): Promise<void> {
    this.memory = new MetadataMemory();
    this.processes = new NodeProcesses(this.node.spawner, {
      owner: this.owner,
      runDir: this.folder,
      restarts: { firstMs: 20, maxMs: 1_000 },
    });
    this.driver = new NodeMetadataDriver(this.node.runner, this.processes, this.terms);
    this.service = new MetadataService<Port>({
      socket: this.terms.service,
      user: 'haproxy',
      whoAsks: (asker, source) => (this.memory.seen ? this.memory.whoAsks(asker, source) : undefined),
      backend: backend ?? new NovaBackend({ url: this.novaUrl, secretFile: this.secretFile, timeoutMs: 2_000 }),
      logger: createLogger({ name: 'test', level: 'silent' }),
    });
    await this.service.listen();
  }

  /** One that answers by itself. `given`: what owners gave; undefined: it is not known. */
  startBuiltin(given: (port: Port) => InstanceData | null | undefined): Promise<void> {
    return this.startAgent(
      new BuiltinBackend((port) => {
        const data = given(port);
        return data === undefined ? undefined : this.memory.guestOf(port, data, 'example.test.');
      }),
    );
  }

  async stopAgent(): Promise<void> {
    this.processes.close();
    await this.service.close();
  }

  /** Makes the node what the view says; rejects when something failed. Returns the number of steps of the metadata agent's. */
  async converge(view: HostView, { answers = true, mayRemove = true } = {}): Promise<number> {
    const options = { touched: 'all', mayRemove, unverified: false } as const;
    const routed = await converge(view, this.node.driver(), options, this.l3Memory, { metadata: answers });
    const answered = await this.proxy(view, { answers, mayRemove });
    const failed = [...routed.failed, ...answered.failed];
    if (failed.length > 0) throw new Error(failed.map(({ key, reason }) => `${key}: ${reason}`).join('\n'));
    return answered.applied;
  }

  /** The metadata agent's part alone. */
  proxy(view: HostView, { answers = true, mayRemove = true } = {}) {
    const terms = { ...this.terms, answers };
    return convergeMetadataView(view, this.driver, { touched: 'all', mayRemove }, this.memory, terms);
  }

  /** The OVS agent's part: a router's port is on its network. */
  wire(portId: string, tag: number): Promise<void> {
    return this.node.wire(outsideDevice(portId), tag);
  }

  /** Status and body, by curl in a namespace. Status 0: no answer. */
  async ask(netns: string, url: string, ...more: string[]): Promise<{ status: number; body: string }> {
    const argv = ['curl', '-s', '--max-time', '30', '-w', '\n%{http_code}', ...more, url];
    const { stdout } = await this.node.spawner.run(argv, { netns, okCodes: Array.from({ length: 100 }, (_, n) => n) });
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  }

  /** The process that was started. */
  async proxyPid(): Promise<number | null> {
    const { processes } = await this.processes.observe();
    return processes.find(({ name, main }) => main && name === PROXY)?.pid ?? null;
  }

  /** All processes of the proxy. */
  async proxyPids(): Promise<number[]> {
    const { processes } = await this.processes.observe();
    return processes.map(({ pid }) => pid);
  }

  async remove(): Promise<void> {
    const { processes } = await this.processes.observe();
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    await this.stopAgent();
    await this.nova.close();
    await this.node.remove();
    rmSync(this.folder, { recursive: true });
  }
}
