/** Where a lab of this clone keeps its state, and how it is asked. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { KnownLab } from '@plumbline/lab/known';

/** This file is as deep in the project as the program that it becomes a part of. */
export const projectDir = path.resolve(import.meta.dirname, '../../..');

/** PLUMB_STATE names another folder. */
export function labFolder(name: string): string {
  const given = process.env['PLUMB_STATE'];
  return given === undefined ? path.join(projectDir, '.plumb', name) : path.resolve(given);
}

/** Only root, who made it, can look into a lab. */
export const canSeeLab = (folder: string): boolean => process.getuid?.() === 0 && existsSync(folder);

/** How the lab of this name is asked; null: there is none, or only root can see it. Most machines have none, and load nothing for it. */
export async function knownLabHere(name: string): Promise<KnownLab | null> {
  const folder = labFolder(name);
  return canSeeLab(folder) ? (await import('@plumbline/lab/known')).readKnownLab(folder) : null;
}
