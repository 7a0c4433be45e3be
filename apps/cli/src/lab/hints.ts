/** What to try next. Every line works as printed, from the clone's folder. */
import type { LabSpec } from './spec.js';
import type { LabState } from './state.js';

/** Lines for a terminal. */
export function hints(spec: LabSpec, state: LabState): string[] {
  const plumb = 'npm run -s plumb --';
  const address = state.floatingIp ?? '';
  const name = spec.name === 'lab' ? '' : ` --name ${spec.name}`;
  const lab = (rest: string) => `  ${plumb} lab${name} ${rest}`;
  return [
    '',
    `Try, in ${spec.projectDir}:`,
    `  curl -s ${state.apiUrl}/v2.0/floatingips`,
    `  curl -s ${state.apiUrl}/v2.0/networks -H 'Content-Type: application/json' -d '{"network": {"name": "mine"}}'`,
    lab(`exec outside -- ping -c 3 ${address}`),
    lab('exec vm1 -- ip address'),
    lab('exec net1 -- ip netns'),
    lab('exec cmp1 -- ovs-vsctl show'),
    lab('status'),
    lab('down'),
    'With the OpenStack client (apt-get install python3-openstackclient):',
    `  openstack --os-auth-type none --os-endpoint ${state.apiUrl} network list`,
    `  openstack --os-auth-type none --os-endpoint ${state.apiUrl} floating ip list`,
  ];
}
