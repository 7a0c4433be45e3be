/**
 * Hears of what somebody changes by hand on a node whose instances have bridges of their own: rules by xtables-monitor(8), devices by ip-monitor(8). The kernel tells
 * nobody of ipsets, nor of its settings for bridged packets: these are looked at once a second, sets by their heads (ipset list -terse: how many entries and bytes), so
 * that it costs the same whatever is in them. An entry that is put in the place of another is found by the next full look only.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { followLines, gathered, type Spawner } from '@plumbline/exec';
import { CHAIN_PREFIX, HOOKS } from '@plumbline/ovs-core';
import { SHOWN } from './bridge-driver.js';

const LINKS = ['ip', '-o', 'monitor', 'link'];
/** Without stdbuf(1) it would tell when it has 4 KiB to tell. */
const RULES = ['stdbuf', '-oL', 'xtables-monitor', '--event'];
const SETS = ['ipset', 'list', '-terse'];
const POLL_MS = 1_000;

/** Devices of a bridge of an instance. */
const DEVICE = /\b(?:qbr|qvb|qvo|tap)[0-9a-f]{8}-/;
/** Our chains, those that lead to them, and a table that goes. */
const RULE = new RegExp(`${CHAIN_PREFIX}| (?:${HOOKS.map(({ hook }) => hook).join('|')}) |DEL table`);

/** Calls `look` when rules, sets, devices or settings of bridges may have changed, until the returned function is called. `netns`: where the bridges are. */
export function watchBridges(
  runner: Pick<Spawner, 'run' | 'follow' | 'readSysctls'>,
  look: () => Promise<void> | void,
  options: Readonly<{ netns?: string }> = {},
): () => void {
  const end = new AbortController();
  const { signal } = end;
  const changed = gathered(() => (signal.aborted ? undefined : look()), signal);
  const hear = (pattern: RegExp) => (line: string) => void (pattern.test(line) && changed());
  const following = { ...options, signal, onAgain: changed };
  followLines(runner, LINKS, hear(DEVICE), following);
  followLines(runner, RULES, hear(RULE), following);
  const polled = async (): Promise<string> => {
    const [sets, settings] = await Promise.all([
      runner.run(SETS, { ...options, reads: true }).then(({ stdout }) => stdout),
      runner.readSysctls(Object.values(SHOWN), options),
    ]);
    return JSON.stringify([sets, [...settings]]);
  };
  void (async () => {
    for (let last = ''; ; await delay(POLL_MS, undefined, { ref: false, signal })) {
      const now = await polled().catch(() => last);
      if (now === last) continue;
      last = now;
      changed();
    }
  })().catch(() => undefined);
  return () => end.abort();
}
