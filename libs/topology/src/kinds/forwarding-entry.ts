import { canonicalAddress, isRouterPort, type ForwardingEntry, type Port } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';

/** Where a bound port is, by its active binding. Hosts: those of its network, if they are each other's tunnel ends; its own among them, which must know what not to ask the others for. */
export const forwardingentry: KindDeclaration<'forwardingentry'> = {
  derived: {
    from: 'port',
    of: (source) => (source.kind === 'port' ? entriesOf(source) : []),
    source: (id) => id,
    by: { network: 'network' },
  },
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
  },
  scope: [['network', 'mesh', 'host']],
  access: {},
};

function entriesOf(port: Port): ForwardingEntry[] {
  const { id, projectId, networkId, macAddress, setAt, binding } = port;
  if (binding.host === '' || isRouterPort(port)) return [];
  return [
    {
      kind: 'forwardingentry',
      id,
      projectId,
      setAt: {
        binding: setAt['binding'] ?? 0,
        fixedIps: setAt['fixedIps'] ?? 0,
        membership: setAt['membership'] ?? 0,
      },
      networkId,
      host: binding.host,
      macAddress,
      addresses: addressesOf(port),
      secured: port.servesDhcp || (port.portSecurityEnabled && !port.deviceOwner.startsWith('network:')),
      pairs: port.allowedAddressPairs,
    },
  ];
}

/** Canonical, each once, sorted by text. */
export const addressesOf = ({ fixedIps }: Port): string[] =>
  [...new Set(fixedIps.map(({ ipAddress }) => canonicalAddress(ipAddress)))].sort();
