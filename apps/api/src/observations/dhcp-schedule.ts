/**
 * Schedules networks to DHCP agents when one of them reports. Silence of an agent counts only while another has been heard without a gap for as long: else it may be
 * this process, the broker or the database that did not hear, and all networks would move to the first agent that is heard again.
 */
import { dhcpPending, scheduleDhcp, type DhcpFleet } from '@plumbline/domain';
import type { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { DHCP_GONE_SECONDS } from '../neutron/read-model.js';
import { systemMeta } from './system-meta.js';

/** `silenceCounts`: as in `readDhcpFleet`. */
export type DhcpFleetSource = (silenceCounts: boolean) => Promise<DhcpFleet>;

/** Networks of one command; the others follow with the next reports. */
const AT_ONCE = 20;
/** Between two reports of an agent that is well. Processes of one control plane share reports, so one of them does not hear all. */
const MOST_GAP_MS = 30_000;

export class DhcpSchedule {
  private readonly heard = new Map<string, { sinceMs: number; lastMs: number }>();
  /** What there was nothing to do for, as text; a decision is not made twice for the same. */
  private idleAt = '';

  constructor(
    private readonly ledger: Pick<Ledger, 'topology' | 'execute'>,
    private readonly fleet: DhcpFleetSource,
    private readonly logger: Logger,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** A DHCP agent of an admitted host reported. */
  async reported(host: string): Promise<void> {
    const fleet = await this.fleet(this.isSteady(host));
    const { topology } = this.ledger;
    const now = JSON.stringify([topology.position, fleet.hosts, [...fleet.stays]]);
    if (now === this.idleAt) return;
    if (dhcpPending(topology, fleet).length > 0) {
      const { result, position } = await this.ledger.execute(scheduleDhcp(fleet, AT_ONCE), systemMeta());
      if (result > 0) {
        this.logger.info(
          { networks: result, position, step: 'schedule' },
          'DHCP servers of networks were made or moved',
        );
        return;
      }
    }
    this.idleAt = now;
  }

  private isSteady(host: string): boolean {
    const nowMs = this.nowMs();
    const before = this.heard.get(host);
    const sinceMs = before && nowMs - before.lastMs <= MOST_GAP_MS ? before.sinceMs : nowMs;
    this.heard.set(host, { sinceMs, lastMs: nowMs });
    return nowMs - sinceMs >= DHCP_GONE_SECONDS * 1_000;
  }
}
