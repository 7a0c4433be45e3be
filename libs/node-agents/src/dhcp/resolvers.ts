/** The name servers that a node itself asks, by resolv.conf(5). */
import { readFileSync } from 'node:fs';
import { IpAddress } from '@plumbline/contracts';

/** The second one is systemd-resolved's own: where it runs, the first one names its stub on the loopback. */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'] as const;

/** Those that can be asked from a network namespace, in order: not the loopback, and none that needs an interface of the node. Empty where there is none. */
export function nodeResolvers(read: (file: string) => string = textOf): readonly string[] {
  for (const file of FILES) {
    const found = resolversIn(read(file));
    if (found.length > 0) return found;
  }
  return [];
}

const resolversIn = (text: string): string[] => {
  const named = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
  return [...new Set(named.filter((address) => IpAddress.safeParse(address).success && !isOfTheNode(address)))];
};

const isOfTheNode = (address: string): boolean =>
  /^127\.|^0\.0\.0\.0$|^::1?$|^fe[89ab]/i.test(address) || /^::ffff:127\./i.test(address);

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
