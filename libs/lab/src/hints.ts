/** Suggestions for what to try next. Every command works as printed, in the clone's folder. */
import { areCloudsFound, cloudName, ownCloudsFile } from './clouds.js';
import type { LabSpec } from './spec.js';
import type { LabState } from './state.js';

/** Lines for a terminal. */
export function hints(spec: LabSpec, state: LabState): string[] {
  const plumb = 'npm run -s plumb --';
  const address = state.floatingIp ?? '';
  const name = spec.name === 'lab' ? '' : ` --name ${spec.name}`;
  const asks = (command: string, what: string) =>
    `  ${plumb} ${command}${spec.name === 'lab' ? '' : ` --lab ${spec.name}`} ${what}`;
  const lab = (rest: string) => `  ${plumb} lab${name} ${rest}`;
  const token = `-H "X-Auth-Token: $(${plumb} lab${name} token)"`;
  const cloud = (user: string, rest: string) => `  openstack --os-cloud ${cloudName(spec, user)} ${rest}`;
  return [
    '',
    'Security groups are enforced. Instances of yours that others should reach need a group like lab-guests.',
    `Try, in ${spec.projectDir}:`,
    `  curl -s ${token} ${state.apiUrl}/v2.0/floatingips`,
    `  curl -s ${token} ${state.apiUrl}/v2.0/networks -H 'Content-Type: application/json' -d '{"network": {"name": "mine"}}'`,
    lab(`exec outside -- ping -c 3 ${address}`),
    lab('exec vm1 -- ip address'),
    ...(state.guests ? [lab('exec cmp1 -- virsh list')] : []),
    lab('exec net1 -- ip netns'),
    lab('exec cmp1 -- ovs-vsctl show'),
    lab('status'),
    asks('doctor', `floating-ip ${address}`),
    asks('why', address),
    lab('down'),
    'With the OpenStack client (apt-get install python3-openstackclient), as administrator and as a member of a project:',
    ...(areCloudsFound(spec)
      ? []
      : [
          '  (clouds.yaml here is not the lab\u2019s, so name the lab\u2019s first)',
          `  export OS_CLIENT_CONFIG_FILE=${ownCloudsFile(spec)}`,
        ]),
    cloud('admin', 'network list'),
    cloud('admin', 'floating ip list'),
    cloud('demo', 'network create mine'),
  ];
}
