/** A node of a spec's own in canonical form: namespaces of routers and the switch, without counters, ages and numbers that the kernel gives. */
import type { Runner } from '@plumbline/exec';
import { routerIdOf } from '@plumbline/l3-core';
import { withoutCounters } from './node-picture.js';

/** What the namespaces of routers hold, as lines: links and addresses sorted, routes sorted, rules in their order. */
export async function routersDump(runner: Pick<Runner, 'run'>): Promise<string[]> {
  const { stdout } = await runner.run(['ip', 'netns', 'list']);
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  const lines: string[] = [];
  for (const netns of names.filter((name) => routerIdOf(name) !== null).sort()) {
    const inside = async (...argv: string[]): Promise<string> => (await runner.run(argv, { netns })).stdout;
    const links = JSON.parse(await inside('ip', '-json', 'address')) as {
      ifname: string;
      address: string;
      mtu: number;
      addr_info: { local: string; prefixlen: number }[];
    }[];
    const routes = (await inside('ip', 'route')) + (await inside('ip', '-6', 'route'));
    lines.push(
      netns,
      ...links
        .flatMap(({ ifname, address, mtu, addr_info }) => [
          `${ifname} ${address} ${mtu}`,
          ...addr_info.map(({ local, prefixlen }) => `${ifname} ${local}/${prefixlen}`),
        ])
        .sort(),
      ...routes
        .split('\n')
        .map((line) => line.trim())
        .sort(),
      ...withoutCounters(await inside('iptables-save')),
      ...withoutCounters(await inside('ip6tables-save')),
    );
  }
  return lines;
}
