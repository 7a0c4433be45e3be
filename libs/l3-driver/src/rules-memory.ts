/**
 * What the rules of each router's namespace are, without having them printed at each look. iptables-save costs some ms for a small router and more with each of its floating
 * IPs; the kernel's count of transactions costs next to nothing and tells whether anybody has changed a rule since.
 *
 * What is remembered is true for one count. It was read after that count was, or follows from what was known: a restore of ours that succeeded made one transaction a
 * table, so the count must have gone up by as many; if it is another, then somebody else changed rules meanwhile, and all are read. So a wrong guess, and a kernel or an
 * iptables that does not count like this (iptables-legacy, Linux before 5.14), cost a reading and decide nothing. `reread` has those read that were only worked out.
 */
import type { RulesRevision } from '@plumbline/exec';
import { editedBy, netnsOf, type ObservedRouter, type TableEdits } from '@plumbline/l3-core';

/** All rules of a namespace. */
export type NetnsRules = Pick<ObservedRouter, 'rules4' | 'rules6' | 'unreadable'>;
/** `namespace` null: made by us, and not looked at since. */
type Known = Readonly<{ namespace: string | null; changes: number; rules: NetnsRules; wasRead: boolean }>;

const NONE: NetnsRules = { rules4: new Map(), rules6: new Map(), unreadable: [] };
/** The kernel's count for a namespace in which no rule was ever written. */
const NEW = 1;

export class RulesMemory {
  /** By name of the namespace. */
  private readonly known = new Map<string, Known>();

  /** The rules at this count; null when they must be read. */
  at(netns: string, revision: RulesRevision | null): NetnsRules | null {
    const known = this.known.get(netns);
    if (!revision || !known || known.changes !== revision.changes) return null;
    if (known.namespace !== revision.namespace) {
      if (known.namespace !== null) return null;
      this.known.set(netns, { ...known, namespace: revision.namespace });
    }
    return known.rules;
  }

  /** They were read after this count was. */
  read(netns: string, revision: RulesRevision | null, rules: NetnsRules): void {
    if (revision) this.known.set(netns, { ...revision, rules, wasRead: true });
    else this.known.delete(netns);
  }

  /** The namespace was made. */
  made(netns: string): void {
    this.known.set(netns, { namespace: null, changes: NEW, rules: NONE, wasRead: true });
  }

  /** These edits were made, each table in a transaction of its own. */
  edited(netns: string, version: 4 | 6, edits: readonly TableEdits[]): void {
    const known = this.known.get(netns);
    if (!known) return;
    const key = version === 4 ? 'rules4' : 'rules6';
    const rules = { ...known.rules, [key]: editedBy(known.rules[key], edits) };
    const transactions = edits.filter((table) => table.edits.length > 0).length;
    this.known.set(netns, { ...known, changes: known.changes + transactions, rules, wasRead: false });
  }

  forget(netns: string): void {
    this.known.delete(netns);
  }

  /** Has the rules read the next time if they were not read since they last changed. */
  reread(routerId: string): void {
    const netns = netnsOf(routerId);
    if (this.known.get(netns)?.wasRead === false) this.known.delete(netns);
  }

  /** Only these namespaces are there. */
  keepOnly(netnses: ReadonlySet<string>): void {
    for (const netns of this.known.keys()) if (!netnses.has(netns)) this.known.delete(netns);
  }
}
