/**
 * `plumb doctor` on a node whose control plane is away: what the node's own looks find, by the view that its agents keep. Checks that need the log or reports are left out: a node
 * knows its part of the log alone.
 */
import { looksHere, type NodeAccess } from '@plumbline/node-agents';
import { examine, type Examined, type Heard, isLookAlone, type Known, remembered, sceneOf } from '@plumbline/reasons';
import { type HostView, Topology } from '@plumbline/topology';
import { heardHere } from '../heard-here.js';
import type { Diagnosis } from './diagnosis.js';

/** How long the node waits for answers to what it sends; and the second time, when something was found: a frame may have been lost. */
const FOR_MS = [500, 1_200] as const;

type Found = Pick<Diagnosis, 'position' | 'causes' | 'checked' | 'unknown' | 'left_out'>;

export async function diagnoseHere(view: HostView, access: NodeAccess): Promise<Found> {
  const objects = Topology.of(view.objects.values(), view.position, []);
  const scene = sceneOf(objects, { sort: 'node', host: view.host });
  const known: Known = {
    ...{ objects, system: { database: null, broker: null }, agents: null, refused: [], said: new Map() },
    leastFreeBytes: 0,
  };
  const looks = await looksHere(access);
  const look = async (forMs: number): Promise<Examined> => {
    const memory = new Map<string, Heard>();
    for (;;) {
      const examined = examine(known, scene, null, memory, forMs);
      if (examined.wanted.length === 0) return examined;
      const answered = examined.wanted.map(async (wanted) => remembered(wanted, await heardHere(wanted, view, looks)));
      for (const [key, heard] of (await Promise.all(answered)).flat()) memory.set(key, heard);
    }
  };
  try {
    const first = await look(FOR_MS[0]);
    const { findings, well, unknown } = first.findings.some(isAlone) ? await look(FOR_MS[1]) : first;
    return {
      position: view.position,
      causes: findings.filter(isAlone).map(({ check, on, what, mend }) => ({
        ...{ check, on, what, mend, event: null },
        doc: `docs/reference/doctor.md#${check}`,
      })),
      checked: [...well.filter(isAlone)],
      unknown: [...unknown.filter(isAlone)],
      left_out: [...scene.leftOut],
    };
  } finally {
    looks.close();
  }
}

const isAlone = ({ check }: Readonly<{ check: string }>): boolean => isLookAlone(check);
