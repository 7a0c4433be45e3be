/**
 * Which physical network is on which bridge of this node: as the switch's own record says (`external_ids:plumb-bridge-mappings` of Open_vSwitch), and where that key
 * is not there, as the agent's settings do.
 *
 * Goals: a mapping that is added, changed or removed counts at once and the agent goes on; a value that cannot be read changes nothing and is said. Design: the
 * agent watches the switch's database anyway, and what concerns this switch alone is set there in the field (`ovn-bridge-mappings` of ovn-controller(8)). The key
 * counts whole, not beside the settings: a mapping that is only in one of two places could not be taken away in the other. Until the database was read nobody
 * knows which of the two counts, and nothing is said of it to the control plane.
 * Road not taken: reading the settings' file again on a signal. A process knows its environment, not where it came from, and half of the settings could not change.
 */
import { LinkName, PhysicalNetwork } from '@plumbline/contracts';
import { BR_INT, BR_TUN, MAPPINGS_KEY } from '@plumbline/ovs-core';
import { type OvsdbMirror, setRootKeys } from '@plumbline/ovsdb';

/** Physical network -> bridge. */
export type Mappings = Readonly<Record<string, string>>;

/** `physnet1:br-ex,physnet2:br-two`. `faults`: what is wrong, a sentence each; then the mappings are not to be used. */
export function parseMappings(text: string): Readonly<{ mappings: Mappings; faults: readonly string[] }> {
  const mappings: Record<string, string> = {};
  const faults: string[] = [];
  const parts = text.split(',').map((each) => each.trim());
  for (const part of parts.filter(Boolean)) {
    const [network = '', bridge = '', ...rest] = part.split(':');
    if (!PhysicalNetwork.safeParse(network).success || !LinkName.safeParse(bridge).success || rest.length > 0)
      faults.push(`'${part}' is not physical-network:bridge, for example physnet1:br-ex`);
    else if (bridge === BR_INT || bridge === BR_TUN)
      faults.push(`'${part}': ${bridge} is a bridge of the agent's own, not of a physical network`);
    else if (Object.hasOwn(mappings, network) || Object.values(mappings).includes(bridge))
      faults.push(`'${part}': each physical network has a bridge of its own`);
    else mappings[network] = bridge;
  }
  return { mappings, faults };
}

export const mappingsText = (mappings: Mappings): string =>
  Object.entries(mappings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join(':'))
    .join(',');

type Switch = Pick<OvsdbMirror, 'root'>;

/** What the switch's record says; null: nothing, so that the settings count. */
export const mappingsOnSwitch = ({ root }: Switch): string | null => root?.external_ids[MAPPINGS_KEY] ?? null;

/** Writes them down; the agent of this node takes them at once. Throws when they are none. */
export async function setMappingsOnSwitch(mirror: OvsdbMirror, mappings: Mappings): Promise<void> {
  const text = mappingsText(mappings);
  const { faults } = parseMappings(text);
  if (faults.length > 0) throw new Error(faults.join('; '));
  if (mappingsOnSwitch(mirror) === text) return;
  await mirror.commit(setRootKeys('external_ids', { [MAPPINGS_KEY]: text }), { wait: false });
}

export class NodeMappings {
  /** What counts; null: the switch's record was not read yet. */
  current: Mappings | null = null;
  /** Why the switch's record does not count though it says something; null: it does, or says nothing. */
  fault: string | null = null;

  /** What the record said when it was last read; undefined: it was not. */
  private text: string | null | undefined;

  constructor(private readonly settings: Mappings) {}

  /** Reads the record. True when it says something else than before. A switch without a record (never initialised) tells nothing. */
  read(found: Switch): boolean {
    const text = mappingsOnSwitch(found);
    if (found.root === undefined || text === this.text) return false;
    this.text = text;
    const { mappings, faults } = text === null ? { mappings: this.settings, faults: [] } : parseMappings(text);
    this.fault =
      faults.length === 0
        ? null
        : `the bridge mappings in the switch's record cannot be used, so those of before stay (${faults.join('; ')}): an operator must set them anew (plumb node map, or ovs-vsctl set Open_vSwitch . external_ids:${MAPPINGS_KEY}=...)`;
    this.current = faults.length === 0 ? mappings : (this.current ?? this.settings);
    return true;
  }
}
