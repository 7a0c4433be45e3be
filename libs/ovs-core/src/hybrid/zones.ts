/**
 * The conntrack zone of each port with a bridge: a hash of its id beyond the zones that the switch has for local VLANs. Two ports with one hash get two zones. A
 * port keeps the zone that is on the node, since a connection is known in its zone alone: so the order in which ports come matters to none of them, nor does a restart.
 */
import { hash32 } from '../marks.js';
import type { FoundFilter } from './driver.js';
import { bridgeOf } from './names.js';
import { HOOKS, VERSIONS } from './wanted.js';

const FIRST = 4097;
const COUNT = 0xffff - FIRST;

export class Zones {
  private readonly byPort = new Map<string, number>();

  /** `ids`: all ports that have a zone from now on. */
  takeIn(found: FoundFilter, ids: readonly string[]): void {
    const wanted = new Set(ids);
    for (const id of this.byPort.keys()) if (!wanted.has(id)) this.byPort.delete(id);
    const [{ table, chain }] = HOOKS;
    const there = new Map<string, number>();
    for (const version of VERSIONS)
      for (const line of found.tables[version].get(table)?.get(chain) ?? []) {
        const [, bridge, zone] = /^-i (\S+) .*-j CT --zone (\d+)$/.exec(line) ?? [];
        if (bridge !== undefined) there.set(bridge, Number(zone));
      }
    const taken = new Set(this.byPort.values());
    const isThere = (id: string): number => Number(there.has(bridgeOf(id)));
    // Those that have one on the node come first: no new one takes it.
    for (const id of [...ids].sort((a, b) => isThere(b) - isThere(a))) {
      if (this.byPort.has(id)) continue;
      let zone = there.get(bridgeOf(id)) ?? FIRST + (hash32(id) % COUNT);
      while (taken.has(zone) || zone < FIRST) zone = zone + 1 < FIRST + COUNT ? Math.max(FIRST, zone + 1) : FIRST;
      this.byPort.set(id, zone);
      taken.add(zone);
    }
  }

  /** Of a port that was taken in. */
  of(id: string): number {
    return this.byPort.get(id) ?? FIRST;
  }
}
