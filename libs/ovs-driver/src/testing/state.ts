/** A switch in canonical text: names, no numbers, no uuids. */
import type { SwitchRows } from '../rows.js';

export function canonicalState(rows: SwitchRows, flows: (bridge: string) => readonly string[]): string {
  const bridges = [...rows.bridges()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = bridges.flatMap((bridge) => [
    `bridge ${bridge.name} ${bridge.datapath_type} ${bridge.fail_mode ?? '-'} ${JSON.stringify(bridge.external_ids)}${bridge.controller.length > 0 ? ' controlled' : ''}${bridge.protocols.length > 0 ? ` ${bridge.protocols.join()}` : ''}`,
    ...rows
      .portsOf(bridge)
      .map((port) => {
        const one = rows.interfacesOf(port)[0];
        const options = Object.entries(one?.options ?? {}).sort();
        const bfd = one?.bfd['enable'] === undefined ? '' : ` bfd=${one.bfd['enable']}`;
        return `  port ${port.name} tag=${port.tag ?? '-'}${port.vlan_mode ? ` ${port.vlan_mode}` : ''}${port.trunks.length > 0 ? ` trunks=${port.trunks.join()}` : ''} ${one?.type || '-'} ${JSON.stringify(options)}${bfd} ${JSON.stringify(port.external_ids)}`;
      })
      .sort(),
    ...flows(bridge.name).map((line) => `  flow ${line.trim()}`),
  ]);
  return lines.join('\n');
}
