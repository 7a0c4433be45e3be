/** `plumb lab down`: removes the lab, and leaves nothing of it on the machine. */
import { removeClouds } from './clouds.js';
import { clean, cleanOrphan } from './clean.js';
import type { LabSpec } from './spec.js';
import { readLabState, withLock } from './state.js';

/** Removes the lab. Answers false when there was none. */
export async function down(spec: LabSpec): Promise<boolean> {
  if (readLabState(spec.stateDir) === null) {
    removeClouds(spec);
    return cleanOrphan(spec);
  }
  return withLock(spec.stateDir, async () => {
    const state = readLabState(spec.stateDir);
    if (state === null) return cleanOrphan(spec);
    await clean(spec, state);
    return true;
  });
}
