import { describe, expect, it } from '@jest/globals';
import { type AnyObject, keyOf, type ObjectKey } from '@plumbline/contracts';
import { processOwner } from '@plumbline/processes';
import { Run } from '@plumbline/reconcile';
import { emptyView, type HostView } from '@plumbline/topology';
import { guestOf, servedOf, TERMS } from './testing/index.js';
import { addressOwner } from './plan.js';
import { DhcpMemory } from './view.js';

const served = servedOf(1, [{ cidr: '10.1.0.0/24' }, { cidr: '10.2.0.0/24' }]);
const server = { ...served.server, servesDhcp: true, binding: { host: 'net1', vnicType: 'normal', profile: {} } };
const { network } = served;
const [first, second] = served.subnets;
if (!first || !second) throw new Error('two subnets');
const port = guestOf(served, 10);

class Node {
  readonly view: HostView = emptyView('net1');
  readonly memory = new DhcpMemory();

  /** Objects that came or changed; `null`: went. Returns the networks to look at. */
  change(...changes: readonly (readonly [AnyObject, 'put' | 'gone'])[]): ReadonlySet<string> | 'all' {
    for (const [object, what] of changes) {
      if (what === 'put') this.view.objects.set(keyOf(object), object);
      else this.view.objects.delete(keyOf(object));
    }
    const keys = new Set<ObjectKey>(changes.map(([object]) => keyOf(object)));
    return this.memory.update(this.view, keys, TERMS);
  }

  get text(): string {
    return JSON.stringify([...this.memory.wanted].map(([id, state]) => [id, state, [...state.holders]]));
  }
}

/** As an agent without memory sees the same view. */
function anew(view: HostView): string {
  const node = new Node();
  for (const [key, object] of view.objects) node.view.objects.set(key, object);
  for (const [key, frozen] of view.frozen) node.view.frozen.set(key, frozen);
  node.memory.update(node.view, 'all', TERMS);
  return node.text;
}

describe('what a node serves', () => {
  it('is by changes what it is by a look at all, whatever came in which order', () => {
    const node = new Node();
    const steps: (readonly [AnyObject, 'put' | 'gone'])[][] = [
      [[port, 'put']],
      [[first, 'put']],
      [
        [server, 'put'],
        [network, 'put'],
      ],
      [[second, 'put']],
      [[{ ...port, dnsName: 'web' }, 'put']],
      [[{ ...first, dnsNameservers: ['9.9.9.9'] }, 'put']],
      [[port, 'gone']],
      [[second, 'gone']],
      [[{ ...server, binding: { ...server.binding, host: 'net2' } }, 'put']],
      [[server, 'put']],
      [
        [server, 'gone'],
        [network, 'gone'],
      ],
    ];
    for (const changes of steps) {
      const networks = node.change(...changes);
      expect(node.text).toBe(anew(node.view));
      expect([...networks]).toEqual([network.id]);
    }
    expect(node.memory.wanted.size).toBe(0);
  });

  it('is nothing of a port that a user made with the device owner of a server', () => {
    const node = new Node();
    node.change([network, 'put'], [first, 'put'], [{ ...server, servesDhcp: false }, 'put']);
    expect(node.memory.wanted.size).toBe(0);
  });

  it('is left as it is while something of it is not understood', () => {
    const node = new Node();
    node.change([network, 'put'], [first, 'put'], [server, 'put'], [port, 'put']);
    node.view.frozen.set(keyOf(port), {} as never);
    node.change([port, 'put']);
    expect([...node.memory.held]).toEqual([network.id]);
    expect(node.memory.wanted.size).toBe(0);
    node.view.frozen.delete(keyOf(port));
    node.change([port, 'put']);
    expect([...node.memory.held]).toEqual([]);
    expect(node.memory.wanted.size).toBe(1);
  });

  it('says where nobody can be served', () => {
    const node = new Node();
    const { fixedIps } = server;
    node.change(
      [network, 'put'],
      [first, 'put'],
      [second, 'put'],
      [{ ...server, fixedIps: fixedIps.slice(0, 1) }, 'put'],
    );
    expect(node.memory.unserved()).toEqual([
      { key: `subnet/${second.id}`, reason: expect.stringContaining('no address of 10.2.0.0/24 is free') },
    ]);
    // Also where it is the only one, so that nothing is served at all.
    node.change([{ ...server, fixedIps: [] }, 'put'], [second, 'gone']);
    expect(node.memory.wanted.size).toBe(0);
    expect(node.memory.unserved()).toMatchObject([{ key: `subnet/${first.id}` }]);
    // What has left meanwhile without a word.
    node.view.objects.clear();
    node.memory.update(node.view, 'all', TERMS);
    expect(node.memory.unserved()).toEqual([]);
  });
});

describe('ports that are served', () => {
  const other = guestOf(served, 11);
  /** What is said behind a converge of what was touched in which these owners failed. */
  const said = (
    node: Node,
    touched: readonly AnyObject[] | 'all',
    ...failed: readonly string[]
  ): (readonly [string, number])[] => {
    node.view.position += 1;
    const keys = touched === 'all' ? touched : new Set(touched.map(keyOf));
    const networks = node.memory.update(node.view, keys, TERMS);
    const run = new Run();
    for (const owner of failed) run.fail(owner, { unit: network.id, kind: 'refused', reason: 'no' });
    return node.memory
      .served(node.view, networks === 'all' ? node.memory.networks : networks, keys, run)
      .map(({ id, position }) => [id, position] as const);
  };
  const start = (): Node => {
    const node = new Node();
    for (const each of [network, first, second, server, port]) node.view.objects.set(keyOf(each), each);
    return node;
  };

  it('are told once, and again when they are touched; a full look repeats what was said', () => {
    const node = start();
    expect(said(node, 'all')).toEqual([
      [server.id, 1],
      [port.id, 1],
    ]);
    node.view.objects.set(keyOf(other), other);
    expect(said(node, [other])).toEqual([[other.id, 2]]);
    expect(said(node, [first])).toEqual([]);
    expect(said(node, [port])).toEqual([[port.id, 4]]);
    expect(said(node, 'all')).toEqual([
      [server.id, 1],
      [port.id, 4],
      [other.id, 2],
    ]);
  });

  it('are not told of while something has failed that all guests need; a route concerns none of them', () => {
    const node = start();
    for (const owner of [
      processOwner(`dnsmasq-${network.id}`),
      `${network.id}/link`,
      addressOwner(network.id, '10.1.0.2/24'),
    ])
      expect(said(node, 'all', owner)).toEqual([]);
    expect(said(node, [first], `${network.id}/route/6`)).toHaveLength(2);
  });

  it('are told of anew when the server comes back', () => {
    const node = start();
    said(node, 'all');
    node.view.objects.set(keyOf(server), { ...server, binding: { ...server.binding, host: 'net2' } });
    expect(said(node, [server])).toEqual([]);
    node.view.objects.set(keyOf(server), server);
    expect(said(node, [server])).toEqual([
      [server.id, 3],
      [port.id, 3],
    ]);
  });
});
