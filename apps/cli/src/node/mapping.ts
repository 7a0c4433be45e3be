/** The bridge mappings of the machine that the command runs on: as its OVS agent takes them, from the switch's own record or from the agent's settings. */
import { type Mappings, mappingsOnSwitch, parseMappings, setMappingsOnSwitch } from '@plumbline/node-agents';
import type { OvsdbMirror } from '@plumbline/ovsdb';

export type Mapped = Readonly<{ mappings: Mappings; from: 'switch' | 'settings' }>;

/** `settings`: PLUMB_BRIDGE_MAPPINGS of the agent; undefined: not known here. Throws when nobody says what is mapped now, or what is said cannot be read. */
export function mappingsNow(mirror: OvsdbMirror, settings: string | undefined): Mapped {
  const found = mappingsOnSwitch(mirror);
  const text = found ?? settings;
  if (text === undefined)
    throw new Error(
      "this command does not know what the agent maps now: load the agents' environment first (set -a; . /etc/plumbline/node.env; set +a), or say that it maps nothing (PLUMB_BRIDGE_MAPPINGS= plumb node map ...)",
    );
  const { mappings, faults } = parseMappings(text);
  if (faults.length > 0)
    throw new Error(`${found === null ? 'PLUMB_BRIDGE_MAPPINGS' : "the switch's record"}: ${faults.join('; ')}`);
  return { mappings, from: found === null ? 'settings' : 'switch' };
}

/** `bridge` null: the physical network is on no bridge any more. Resolves with what is mapped then. Idempotent. */
export async function mapTo(
  mirror: OvsdbMirror,
  settings: string | undefined,
  network: string,
  bridge: string | null,
): Promise<Mappings> {
  const { [network]: _, ...others } = mappingsNow(mirror, settings).mappings;
  const mappings = bridge === null ? others : { ...others, [network]: bridge };
  await setMappingsOnSwitch(mirror, mappings);
  return mappings;
}
