/**
 * Packets that rules on bridges of instances tell of (NFLOG), as the switch gives copies of those that its flows tell of, and no more of them than that would give.
 */
import { keepGoing, type Spawner } from '@plumbline/exec';
import { LOG_GROUP, LOGGED_BYTES, readPrefix, type Told } from '@plumbline/ovs-core';
import type { CopyLimit } from './switch-driver.js';

/** Calls `listener` with each, until the returned function is called. `netns`: where the bridges are. */
export function followBridgeLog(
  runner: Pick<Spawner, 'followLogged'>,
  listener: (said: Told, frame: Buffer) => void,
  options: Readonly<{ limit: CopyLimit; netns?: string }>,
): () => void {
  const end = new AbortController();
  const { signal } = end;
  const mayTell = limiter(options.limit, () => performance.now());
  const onPacket = ({ prefix, frame }: Readonly<{ prefix: string; frame: Buffer }>): void => {
    const said = readPrefix(prefix);
    if (said && !signal.aborted && mayTell()) listener(said, frame);
  };
  const which = { group: LOG_GROUP, bytes: LOGGED_BYTES };
  keepGoing(() => runner.followLogged(which, onPacket, { ...options, signal }), { signal });
  return () => end.abort();
}

/** Whether one more may be told now: so many at once, and so many a second. */
export function limiter({ packetsPerSecond, burstPackets }: CopyLimit, nowMs: () => number): () => boolean {
  let left = burstPackets;
  let at = nowMs();
  return () => {
    const now = nowMs();
    left = Math.min(burstPackets, left + ((now - at) / 1_000) * packetsPerSecond);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
