import { describe, expect, it } from '@jest/globals';
import { FakeProcesses } from '@plumbline/processes/testing';
import { askerNetns, type Asker } from './asker.js';
import { convergeMetadata } from './converge.js';
import type { MetadataDriver, MetadataFound, MetadataStep } from './driver.js';
import { digestIn, frontendsIn, PROXY, PROXY_FILE, proxyOf } from './proxy.js';

const TERMS = { owner: 'metadata-test', service: '/run/service' };
const id = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
const ONE: Asker = { kind: 'router', id: id(1) };
const TWO: Asker = { kind: 'network', id: id(2) };

/** A node in memory: a proxy goes by the file that was there when it was started or told, with the sockets that it had of the same name. */
class FakeNode implements MetadataDriver {
  readonly namespaces = new Map<string, number>();
  readonly processes = new FakeProcesses();
  /** Namespace -> number of the one that its socket is in. */
  sockets = new Map<string, number>();
  loaded: string | null = null;

  async observe(names: readonly string[]): Promise<MetadataFound> {
    const asked = [...this.namespaces].filter(([name]) => names.includes(name));
    const processes = await this.processes.observe();
    const runs = processes.processes.some(({ name }) => name === PROXY);
    return { namespaces: new Map(asked), processes, config: this.config, loaded: runs ? this.loaded : null };
  }
  get config(): string {
    return this.processes.fileOf(PROXY, PROXY_FILE) ?? '';
  }
  async apply(steps: readonly MetadataStep[]): Promise<void> {
    for (const step of steps) {
      if (step.op === 'process') await this.processes.apply([step.step]);
      if (step.op === 'process' && step.step.op === 'start-process') this.sockets = new Map();
      if (step.op === 'reread' || step.step.op === 'start-process' || step.step.op === 'reload-process') this.load();
    }
  }
  private load(): void {
    const names = frontendsIn(this.config).map(askerNetns);
    if (!names.every((name) => this.namespaces.has(name))) return;
    this.sockets = new Map(
      names.map((name) => [name, this.sockets.get(name) ?? (this.namespaces.get(name) as number)]),
    );
    this.loaded = digestIn(this.config);
  }
}

async function converge(node: FakeNode, wanted: readonly Asker[], mayRemove = true) {
  const run = await convergeMetadata({ wanted, held: new Set() }, node, TERMS, mayRemove);
  return { applied: run.applied, failed: [...run.failures.values()].map(({ reason }) => reason) };
}
const where = (node: FakeNode) => Object.fromEntries(node.sockets);

describe('the proxy of a node', () => {
  it('listens where it should as far as the namespace is there, and a second look changes nothing', async () => {
    const node = new FakeNode();
    node.namespaces.set(askerNetns(ONE), 11);
    expect((await converge(node, [ONE, TWO])).failed).toEqual([]);
    expect(where(node)).toEqual({ [askerNetns(ONE)]: 11 });
    node.namespaces.set(askerNetns(TWO), 12);
    await converge(node, [TWO, ONE]);
    expect(where(node)).toEqual({ [askerNetns(ONE)]: 11, [askerNetns(TWO)]: 12 });
    expect(await converge(node, [ONE, TWO])).toEqual({ applied: 0, failed: [] });
    expect(node.processes.starts).toEqual([PROXY]);
  });

  it('listens anew in a namespace that was made anew, without being started anew', async () => {
    const node = new FakeNode();
    node.namespaces.set(askerNetns(ONE), 11).set(askerNetns(TWO), 12);
    await converge(node, [ONE, TWO]);
    node.namespaces.set(askerNetns(ONE), 13);
    expect((await converge(node, [ONE, TWO])).failed).toEqual([]);
    expect(where(node)).toEqual({ [askerNetns(ONE)]: 13, [askerNetns(TWO)]: 12 });
    expect(node.processes.starts).toEqual([PROXY]);
    expect((await converge(node, [ONE, TWO])).applied).toBe(0);
  });

  it('that missed its file is told again', async () => {
    const node = new FakeNode();
    node.namespaces.set(askerNetns(ONE), 11);
    await converge(node, [ONE]);
    node.loaded = 'another';
    expect(await converge(node, [ONE])).toEqual({ applied: 1, failed: [] });
    expect(node.loaded).toBe(digestIn(node.config));
  });

  it('goes when nobody is to be answered, and never while it is not known so', async () => {
    const node = new FakeNode();
    node.namespaces.set(askerNetns(ONE), 11);
    await converge(node, [ONE]);
    expect(await converge(node, [], false)).toEqual({ applied: 0, failed: [] });
    expect(where(node)).toEqual({ [askerNetns(ONE)]: 11 });
    await converge(node, []);
    expect([node.processes.running, node.processes.names()]).toEqual([[], []]);
  });

  it('keeps what is held', async () => {
    const node = new FakeNode();
    node.namespaces.set(askerNetns(ONE), 11).set(askerNetns(TWO), 12);
    await converge(node, [ONE, TWO]);
    const wishes = { wanted: [TWO], held: new Set([`router/${ONE.id}`] as const) };
    expect((await convergeMetadata(wishes, node, TERMS, true)).applied).toBe(0);
    expect(where(node)).toEqual({ [askerNetns(ONE)]: 11, [askerNetns(TWO)]: 12 });
  });
});

describe('the file', () => {
  it('is the same in whatever order, and says what it has in it', () => {
    const frontends = [
      { ...ONE, netnsNumber: 1 },
      { ...TWO, netnsNumber: 2 },
    ];
    const text = proxyOf(frontends, TERMS)?.files[0]?.content ?? '';
    expect(proxyOf([...frontends].reverse(), TERMS)?.files[0]?.content).toBe(text);
    expect(frontendsIn(text)).toEqual([frontends[1], frontends[0]]);
    expect(digestIn(text)).toMatch(/^[0-9a-z]+$/);
    expect(proxyOf([], TERMS)).toBeNull();
  });
});
