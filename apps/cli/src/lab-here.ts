/** The lab of this machine, with what it consists of. Where there is one it loads all that makes labs; who only asks one reads how (commands/source.ts). */
import type { LabSpec, LabState } from '@plumbline/lab';
import { canSeeLab, labFolder, projectDir } from './lab-folder.js';

/** Of this name; null: there is none, or only root can see it. */
export async function labHere(name: string): Promise<Readonly<{ spec: LabSpec; state: LabState }> | null> {
  const folder = labFolder(name);
  if (!canSeeLab(folder)) return null;
  const { labSpec, readLabState } = await import('@plumbline/lab');
  const state = readLabState(folder);
  return state && { spec: labSpec({ projectDir, name, stateDir: folder }), state };
}
