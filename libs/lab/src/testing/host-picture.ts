/** The host's network configuration that a lab could harm, as text. It must be the same before, during and after a lab, apart from the lab's one link. */
import { readdirSync } from 'node:fs';
import { run } from '@plumbline/exec';

/**
 * Parts by name, so that a difference names its part. `link` is the lab's own: `without` leaves it out, `with` includes it. Links of other labs are always left
 * out: other users make and remove them at any time.
 */
export async function hostPicture(which: 'with' | 'without', link: string): Promise<Readonly<Record<string, string>>> {
  const hidden = (line: string): boolean =>
    [...line.matchAll(/\bplumb-\w+/g)].some(([name]) => name !== link || which === 'without');
  const without = (text: string) =>
    text
      .split('\n')
      .filter((line) => !hidden(line))
      .join('\n');
  const ask = async (...argv: string[]) => without((await run(argv)).stdout);
  // Neither counters nor the changing remainders of lifetimes.
  const rules = async (command: string) =>
    (await ask(command)).replaceAll(/\[\d+:\d+\]/g, '').replaceAll(/^#.*$/gm, '');
  return {
    links: (await ask('ip', '-oneline', 'link')).replaceAll(/^\d+: /gm, ''),
    addresses: (await ask('ip', '-oneline', 'address'))
      .replaceAll(/^\d+: /gm, '')
      .replaceAll(/(valid|preferred)_lft \S+/g, ''),
    routes: await ask('ip', '-4', 'route', 'show', 'table', 'all'),
    routes6: await ask('ip', '-6', 'route', 'show', 'table', 'all'),
    policies: await ask('ip', 'rule'),
    sysctls: await sysctls(hidden),
    iptables: await rules('iptables-save'),
    ip6tables: await rules('ip6tables-save'),
    namespaces: readdirSync('/run').includes('netns') ? readdirSync('/run/netns').join('\n') : '',
    mounts: (await ask('cat', '/proc/self/mountinfo')).replaceAll(/^\d+ /gm, ''),
    switch: readdirSync('/run').includes('openvswitch') ? readdirSync('/run/openvswitch').join('\n') : '',
  };
}

/** net.* without the kernel's own counters. */
async function sysctls(hidden: (line: string) => boolean): Promise<string> {
  const { stdout } = await run(['sysctl', '--all', '--pattern', '^net\\.'], { okCodes: [0, 1, 255] });
  const counters = /nf_conntrack_count|\.error_cost|random|rand_seed|tcp_fastopen_key|nf_conntrack_buckets/;
  return stdout
    .split('\n')
    .filter((line) => !counters.test(line) && !hidden(line))
    .join('\n');
}
