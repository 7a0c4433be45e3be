/** Where a lab of this clone keeps its state, and what it says. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LabState } from '@plumbline/lab/known';

export const projectDir = path.resolve(import.meta.dirname, '../../..');

/** PLUMB_STATE names another folder. */
export function labFolder(name: string): string {
  const given = process.env['PLUMB_STATE'];
  return given === undefined ? path.join(projectDir, '.plumb', name) : path.resolve(given);
}

/** The state of the lab of this name; null: there is none, or only root can see it. Most machines have none, and load nothing for it. */
export async function labStateHere(name: string): Promise<Readonly<{ folder: string; state: LabState }> | null> {
  const folder = labFolder(name);
  if (process.getuid?.() !== 0 || !existsSync(folder)) return null;
  const { readLabState } = await import('@plumbline/lab/known');
  const state = readLabState(folder);
  return state && { folder, state };
}
