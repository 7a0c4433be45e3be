/** The lab of this machine, with what it consists of. It loads all that makes labs; who only asks one reads its state (commands/source.ts). */
import { labSpec, type LabSpec } from '@plumbline/lab';
import { labStateHere, projectDir } from './lab-folder.js';
import type { LabState } from '@plumbline/lab/known';

/** Of this name; null: there is none, or only root can see it. */
export async function labHere(name: string): Promise<Readonly<{ spec: LabSpec; state: LabState }> | null> {
  const here = await labStateHere(name);
  return here && { spec: labSpec({ projectDir, name, stateDir: here.folder }), state: here.state };
}
