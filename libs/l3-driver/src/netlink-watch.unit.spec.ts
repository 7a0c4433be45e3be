/** Which router a change in a namespace leads to, and how often that is asked for. */
import { expect, it } from '@jest/globals';
import { netnsOf } from '@plumbline/l3-core';
import { watchNamespaces } from './netlink-watch.js';

const [ONE, TWO] = ['c1000000-0000-4000-8000-000000000000', 'c2000000-0000-4000-8000-000000000000'] as const;
const ADDRESS = 'inet 10.0.0.1/24 scope global qr-1';

/** A node whose namespaces have these numbers; `line`: what ip-monitor(8) prints. */
function watched(names: Map<number, string>, lookedAt?: (router: string) => number) {
  const node = { asked: 0, line: (_text: string): void => undefined, heard: [] as string[][], end: () => undefined };
  let looked: () => void = () => undefined;
  const end = watchNamespaces(
    {
      follow: (_argv, onText) => {
        node.line = (text) => onText(`${text}\n`);
        return new Promise(() => undefined);
      },
      run: async () => {
        node.asked += 1;
        const all = [...names].map(([nsid, name]) => (name === '' ? { nsid } : { nsid, name }));
        return { stdout: JSON.stringify(all), stderr: '', code: 0 };
      },
    },
    (routers) => {
      node.heard.push([...routers].sort());
      looked();
    },
    undefined,
    lookedAt,
  );
  /** Resolves when what these lines tell of has led to a look. */
  const tells = (...lines: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      looked = resolve;
      for (const line of lines) node.line(line);
    });
  return { node, tells, end };
}

it('asks once which routers the numbers are, and again when a number was given up', async () => {
  const names = new Map([
    [3, netnsOf(ONE)],
    [4, netnsOf(TWO)],
    [5, ''],
  ]);
  const { node, tells, end } = watched(names);
  await tells(`[nsid 3]2: qr-1    ${ADDRESS}`, `[nsid 4]Deleted 2: qr-1    ${ADDRESS}`);
  expect([node.heard, node.asked]).toEqual([[[ONE, TWO]], 1]);
  await tells(
    // Not a router's, once and for all; and a namespace's own number for another one is no change of it.
    `[nsid 5]2: eth0    ${ADDRESS}`,
    `[nsid 3]nsid 0 (iproute2 netns name: ${netnsOf(TWO)})`,
    `[nsid 4]32765:\tfrom 10.1.0.0/24 blackhole`,
  );
  expect([node.heard.at(-1), node.asked]).toEqual([[TWO], 1]);

  names.set(3, netnsOf(TWO));
  names.delete(4);
  await tells(
    '[nsid current]Deleted nsid 3 ',
    `[nsid current]nsid 3 (iproute2 netns name: ${netnsOf(TWO)})`,
    `[nsid 3]2: qr-1    ${ADDRESS}`,
    // Whose it is, is told with the line.
    `[nsid current]9: tap1@if2: <BROADCAST> mtu 1500 link-netns ${netnsOf(ONE)}`,
  );
  expect([node.heard.at(-1), node.asked]).toEqual([[ONE, TWO], 2]);
  end();
}, 30_000);

it('what a look began after has been seen, and leads to no other', async () => {
  const looks = new Map<string, number>();
  const names = new Map([
    [3, netnsOf(ONE)],
    [4, netnsOf(TWO)],
  ]);
  const { node, tells, end } = watched(names, (id) => looks.get(id) ?? -Infinity);
  const told = tells(`[nsid 3]2: qr-1    ${ADDRESS}`, `[nsid 4]2: qr-1    ${ADDRESS}`);
  looks.set(ONE, performance.now() + 1);
  looks.set(TWO, performance.now() - 1_000);
  await told;
  expect(node.heard).toEqual([[TWO]]);
  // Changed once more, after the look.
  looks.set(ONE, performance.now());
  await tells(`[nsid 3]2: qr-1    ${ADDRESS}`);
  expect(node.heard.at(-1)).toEqual([ONE]);
  end();
}, 30_000);
