/**
 * A node's switch and its bridges together, in the one order in which no packet passes unjudged: rules on bridges first, then what the switch wires and cuts off,
 * then what no bridge needs any more.
 */
import type { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { OvsConverger } from '../converge.js';
import type { OvsDriver } from '../driver.js';
import { type OvsNodeConfig, possibleWith } from '../render.js';
import { BridgeFirewall } from './converge.js';
import type { FilterDriver } from './driver.js';
import type { Asked } from './asked.js';

export class NodeConverger {
  private readonly switch_: OvsConverger;
  private readonly bridges: BridgeFirewall;

  constructor(
    private readonly driver: OvsDriver,
    filter: FilterDriver,
    private readonly config: () => OvsNodeConfig,
  ) {
    this.switch_ = new OvsConverger(driver, config);
    this.bridges = new BridgeFirewall(filter);
  }

  /** As OvsConverger. What fails of a bridge is the status of its port. */
  async converge(view: HostView, options: Omit<ConvergeOptions, 'unverified'>): Promise<Convergence> {
    const config = possibleWith(view, this.config());
    const before = await this.bridges.protect(view, config, await this.driver.observe(), options);
    this.switch_.setGuards(before.guards);
    const result = await this.switch_.converge(view, options);
    const after = await this.bridges.sweep(view, config, options);
    return {
      applied: before.applied + result.applied + after.applied,
      drift: before.drift + result.drift,
      statuses: result.statuses,
      failed: [...result.failed, ...after.failed],
      ...(result.again && { again: result.again }),
    };
  }

  /** All that is wanted of the switch and of the bridges, as of the last convergence. For whoever looks. */
  asked(): Asked {
    const { asked } = this.switch_;
    return { desired: asked.desired('all'), servedBy: (key) => asked.servedBy(key), filter: this.bridges.asked };
  }

  /** Ids of ports that are enforced the way that was this node's before, until they are plugged in anew. Sorted. */
  leftOver(): readonly string[] {
    return this.switch_.leftOver();
  }
}
