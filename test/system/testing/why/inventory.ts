/** Every line that the tools of a node print of what it has: what an operator would ask `plumb why` about. */
import type { TestLab } from '../test-lab.js';

/** `text`: the line as it is asked about, with the namespace that it is in. */
export type Line = Readonly<{ sort: string; text: string }>;

/** Of each namespace, in one shell: a word for the sort of the line, the namespace, and the line. */
const NAMESPACES = `
for n in $(ip netns list | cut -d' ' -f1); do
  echo "namespace - $n"
  inside() { ip netns exec $n "$@"; }
  inside ip -o link show | sed "s/^[0-9]*: //; s/^/link $n /"
  inside ip -o address show | sed "s/^[0-9]*: //; s/^/address $n /"
  inside ip -4 route show table all | sed "s/^/route $n /"
  inside ip -6 route show table all | sed "s/^/route $n /"
  for t in iptables ip6tables; do
    inside $t-save | grep -e '^-A' | sed "s/^/rule $n /"
    inside $t-save | grep -e '^:neutron' | sed "s/^/chain $n /"
  done
done`;
const SWITCH = `
for b in $(ovs-vsctl list-br); do
  echo "bridge - $b"
  ovs-vsctl list-ports $b | sed "s/^/port - /"
  ovs-ofctl --names --no-stats dump-flows $b | grep cookie= | sed "s/^ *//; s/^/flow - /"
done`;
/** Files of programs whose lines can be asked about. */
const FILES = /^(?:hosts|names|opts|servers|radvd\.conf|haproxy\.cfg)$/;

export async function inventory(lab: TestLab, host: string): Promise<readonly Line[]> {
  const [namespaces, bridges, files] = await Promise.all([
    lab.text(host, ['sh', '-c', NAMESPACES]),
    lab.text(host, ['sh', '-c', SWITCH]),
    lab.text(host, [
      'sh',
      '-c',
      'cd /run/plumbline/processes && find . -path "*/files/*" -type f -exec grep -H . {} +',
    ]),
  ]);
  // The switch first: flows that it learned age out.
  const lines = `${bridges}${namespaces}`.split('\n').flatMap((raw): Line[] => {
    const [, sort = '', where = '', line = ''] = /^(\S+) (\S+) (.+)$/.exec(raw.trim()) ?? [];
    if (line === '') return [];
    return [{ sort, text: where === '-' ? line : `${where} ${line}` }];
  });
  const entries = files.split('\n').flatMap((raw): Line[] => {
    const [, program = '', file = '', line = ''] = /^\.\/[^/]+\/([^/]+)\/files\/([^:]+):(.*)$/.exec(raw) ?? [];
    return FILES.test(file) && SAYS.test(line) ? [{ sort: `entry of ${file}`, text: `${program} ${line.trim()}` }] : [];
  });
  return [...lines, ...entries];
}
/** What ends a section, or is a comment, is nobody's. */
const SAYS = /^\s*[^\s#}]/;
