/**
 * Says that a node is asked to enforce security groups and cannot: a control plane of an older release made its view, so no rules are in it. ovs-core then carries
 * everything, as without a firewall; to cut off every instance until the API is upgraded would be worse, and nobody could tell why.
 */
import { lacksRules, type OvsNodeConfig } from '@plumbline/ovs-core';
import type { Logger } from '@plumbline/telemetry';
import type { HostView } from '@plumbline/topology';

/** One sentence while it is so. */
export const oldViewTroubles = (view: HostView, config: OvsNodeConfig): string[] =>
  lacksRules(view, config)
    ? [
        `security groups are not enforced here, though PLUMB_FIREWALL=${config.firewall}: the API is of an older release and tells no node its rules: an operator must upgrade the API, and they are enforced at once then`,
      ]
    : [];

/** Logs each time that it begins or ends. Call it with the view of each convergence. */
export class OldViewLog {
  private lacking = false;

  constructor(
    private readonly config: OvsNodeConfig,
    private readonly logger: Logger,
  ) {}

  look(view: HostView): void {
    const lacking = lacksRules(view, this.config);
    if (lacking === this.lacking) return;
    this.lacking = lacking;
    const line = { position: view.position, catalogue: view.catalogue, step: 'firewall' };
    if (lacking) this.logger.error(line, 'the view has no rules, so security groups are not enforced');
    else this.logger.info(line, 'the view has rules now: security groups are enforced');
  }
}
