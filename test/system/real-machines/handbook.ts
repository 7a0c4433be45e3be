/**
 * A how-to that a program can follow: headings, and under each its shell blocks in order.
 *
 * The word after ```sh says on which machine a block is typed, the one after that what is special about it:
 *
 *     systemd     needs a machine with systemd; `hand` beside it does the same without
 *     hand        the other way
 *     packages    installs packages
 *     code        fetches the clone
 *     tell-node   what it prints is typed on the node
 *     copy        may contain scp lines
 *     netdev      needed where the switch's datapath is in userspace
 */
import { readFileSync } from 'node:fs';

export type Kind = 'plain' | 'systemd' | 'hand' | 'packages' | 'code' | 'tell-node' | 'copy' | 'netdev';
export type Block = Readonly<{ heading: string; where: string; kind: Kind; text: string }>;

const kinds: readonly string[] = ['systemd', 'hand', 'packages', 'code', 'tell-node', 'copy', 'netdev'];
const REAL_MACHINES: readonly string[] = ['controller', 'node', 'outside', 'both'];
const isKind = (word: string): word is Kind => kinds.includes(word);

/** Throws on a shell block that does not say on which of the machines it is typed, or names something unknown. */
export function readBlocks(file: string, machines = REAL_MACHINES): readonly Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { where: string; kind: Kind; lines: string[] } | null = null;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (open !== null && line === '```') {
      blocks.push({ heading, where: open.where, kind: open.kind, text: open.lines.join('\n') });
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (line.startsWith('```sh')) {
      const [, where = '', kind, ...rest] = line.split(' ');
      if (!machines.includes(where) || rest.length > 0)
        throw new Error(`${file}: this block does not say where it is typed: ${line}`);
      if (kind !== undefined && !isKind(kind)) throw new Error(`${file}: unknown kind of block: ${line}`);
      open = { where, kind: kind ?? 'plain', lines: [] };
    } else if (/^#{2,3} /.test(line)) heading = line.replace(/^#+ /, '');
  }
  return blocks;
}
