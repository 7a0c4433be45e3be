/**
 * Flows that many things share: two rules with one match are one entry of the switch, with an action of each. Each source (a rule, a member, a class of ports)
 * says what it needs; a flow is there while one needs it, has the actions of all, and the position of the first event that needed it.
 */
import type { Flow } from '../flow.js';

/** What one source needs: an action in the flow with this key. */
export type Part = Readonly<{ key: string; action: string; position: number }>;

export class SharedFlows {
  private readonly bySource = new Map<string, readonly Part[]>();
  /** Flow key -> `source action` -> the part. */
  private readonly flows = new Map<string, Map<string, Part>>();
  private touched = new Set<string>();

  /** From now on the source needs exactly these. */
  replace(source: string, parts: readonly Part[]): void {
    const before = this.bySource.get(source) ?? NONE;
    if (before.length + parts.length === 0) return;
    const kept = new Set<string>();
    for (const part of parts) {
      const name = `${source} ${part.action}`;
      kept.add(`${part.key} ${name}`);
      let flow = this.flows.get(part.key);
      if (!flow) this.flows.set(part.key, (flow = new Map()));
      if (flow.get(name)?.position === part.position) continue;
      flow.set(name, part);
      this.touched.add(part.key);
    }
    for (const { key, action } of before) {
      const name = `${source} ${action}`;
      if (kept.has(`${key} ${name}`)) continue;
      const flow = this.flows.get(key);
      if (!flow?.delete(name)) continue;
      this.touched.add(key);
      if (flow.size === 0) this.flows.delete(key);
    }
    if (parts.length > 0) this.bySource.set(source, parts);
    else this.bySource.delete(source);
  }

  /** The flows that changed since the last call, each as it is now; null: nobody needs it. */
  changed(): Map<string, Flow | null> {
    const found = new Map([...this.touched].map((key) => [key, this.flow(key)]));
    this.touched = new Set();
    return found;
  }

  /** Sources that need the flow with this key. */
  sourcesOf(key: string): string[] {
    return [...(this.flows.get(key)?.entries() ?? [])].map(([name, { action }]) => name.slice(0, -action.length - 1));
  }

  private flow(key: string): Flow | null {
    const parts = this.flows.get(key);
    if (!parts) return null;
    const actions = new Set<string>();
    let position = Infinity;
    for (const part of parts.values()) {
      actions.add(part.action);
      position = Math.min(position, part.position);
    }
    return { key, actions: [...actions].sort().join(','), ports: [], position, owner: `firewall/${key}` };
  }
}

const NONE: readonly Part[] = [];
