/**
 * What the userspace datapath keeps of its decisions (megaflows), decided anew.
 *
 * When flows change, Open vSwitch 3.1 may write the new decision over another one that covers the same packet, because it looks for it by a packet and not by its
 * identifier (flow_put_on_pmd in lib/dpif-netdev.c). So of a port that was cut off and is wired again a decision to drop may be left, for as long as its packets come.
 * The kernel's datapath does not do this.
 */
import type { Runner } from '@plumbline/exec';
import { controlSocketIn } from './control-socket.js';

/**
 * Idempotent. Loses no packet: the next one of each stream looks at the tables again. Does nothing where no switch has its control socket in `runDir`; rejects with
 * CommandFailed when that does not answer.
 */
export async function emptyDatapathCache(runner: Runner, runDir: string, timeoutMs: number): Promise<void> {
  const socket = await controlSocketIn(runDir);
  // Command of ovs-vswitchd; ovs-appctl(8).
  if (socket !== null) await runner.run(['ovs-appctl', '-t', socket, 'revalidator/purge'], { timeoutMs });
}
