/** What is wanted of a node's switch and bridges, for whoever looks: as of a convergence, or from nothing. */
import { type HostView } from '@plumbline/topology';
import type { ObservedSwitch } from '../driver.js';
import { Numbers } from '../firewall/numbers.js';
import { enforces, type OvsNodeConfig, possibleWith } from '../render.js';
import { type Desired, WantedSwitch } from '../wanted.js';
import { bridgedPorts } from './converge.js';
import type { FoundFilter } from './driver.js';
import { type FilterWant, renderFilter } from './wanted.js';
import { Zones } from './zones.js';

/** `servedBy`: objects that a flow of rules is there for, by its key. */
export type Asked = Readonly<{ desired: Desired; servedBy(flowKey: string): readonly string[]; filter: FilterWant }>;

/** From nothing. A port with a bridge of its own is thought to be judged there. */
export function askedBy(view: HostView, asked: OvsNodeConfig, observed: ObservedSwitch, found: FoundFilter): Asked {
  const config = possibleWith(view, asked);
  const ports = enforces(config) && config.firewall === 'hybrid' ? bridgedPorts(view, observed) : [];
  const zones = new Zones();
  zones.takeIn(
    found,
    ports.map(({ id }) => id),
  );
  const wanted = new WantedSwitch();
  wanted.setGuards(new Map(ports.map(({ id }) => [id, null])));
  wanted.update(view, config, observed, 'all', false);
  const none: FilterWant = { sets: [], chains: [], lines: [] };
  return {
    desired: wanted.desired('all'),
    servedBy: (key) => wanted.servedBy(key),
    filter: ports.length === 0 ? none : renderFilter(view, ports, new Numbers(), (id) => zones.of(id)),
  };
}
