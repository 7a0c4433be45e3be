/** The machine that `npm test` makes for each spec of the levels that need root. */
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from '@plumbline/exec';

const setup = path.resolve(import.meta.dirname, '../../tools/setup');
const links = async (): Promise<string> => (await run(['ip', '-brief', 'link'])).stdout;

test('has an empty /run, one uplink with a default route, and nothing of it is on the host', async () => {
  const before = await links();
  const look =
    'ls -A /run; echo --; ip netns add made-here; ip -4 route show default; ip -brief link; ip -6 -oneline address; ls /run/netns';
  const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', '--', path.join(setup, 'alone.sh')];
  const { stdout } = await run([...unshare, 'sh', '-c', look]);
  const [inRun, seen] = stdout.split('--\n');
  // iptables(8) keeps its lock there; the name servers' configuration may be there too.
  expect(inRun?.split('\n').filter((name) => !['', 'xtables.lock', 'systemd', 'resolvconf', 'NetworkManager'].includes(name))).toEqual([]); // prettier-ignore
  expect(seen).toMatch(/^default via 192\.0\.2\.1 dev uplink/);
  expect(seen).toContain('made-here');
  // What would still change by itself looks like a change that a spec made.
  expect(seen).toContain('inet6 fe80::');
  expect(seen).not.toContain('tentative');
  expect(await links()).toBe(before);
  expect((await run(['ip', 'netns'])).stdout).not.toContain('made-here');
});
