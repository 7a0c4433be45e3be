import { describe, expect, it } from '@jest/globals';
import type { Actor } from './actor.js';
import type { Decide } from './context.js';
import { createFloatingIps, deleteFloatingIp, updateFloatingIp } from './floating-ips/floating-ips.js';
import {
  createPortForwardings,
  deletePortForwarding,
  type NewPortForwarding,
  type Outside,
  updatePortForwarding,
} from './port-forwardings/port-forwardings.js';
import { updatePort } from './ports/ports.js';
import { addRouterInterface } from './routers/interfaces.js';
import { floatingIp, make, scenarioA } from './testing/requests.js';
import { World } from './testing/world.js';

const OWNER: Actor = { projectId: 'p', role: 'member' };
const ADMIN: Actor = { projectId: 'ops', role: 'admin' };
const at = (port: number) => ({ first: port, last: port });

/** A network of project p with a router; `guest`: a port of project q on it. */
function setting() {
  const world = new World();
  const made = scenarioA(world);
  return { world, ...made, guest: make.port(world, made.tenant, { projectId: 'q' }) };
}
type Setting = ReturnType<typeof setting>;

const forwarding = (outside: Outside, internalPortId: string): NewPortForwarding => ({
  outside,
  description: '',
  protocol: 'tcp',
  externalPorts: at(2222),
  internalPorts: at(22),
  internalPortId,
  internalIpAddress: null,
});
const to = (portId: string) => ({ target: { portId, fixedIpAddress: null } });

/** Every command that leads traffic from outside to a port. */
const WAYS: Readonly<Record<string, (setting: Setting, portId: string) => Decide<unknown>>> = {
  'a floating IP that is made': ({ external }, portId) => createFloatingIps([floatingIp(external, to(portId))]),
  'a floating IP that there is': ({ world, external }, portId) =>
    updateFloatingIp(make.floatingIp(world, external), to(portId)),
  'a floating IP that leads elsewhere': ({ world, external, instance }, portId) =>
    updateFloatingIp(make.floatingIp(world, external, to(instance)), to(portId)),
  'a port forwarding of a floating IP': ({ world, external }, portId) =>
    createPortForwardings([forwarding({ floatingIpId: make.floatingIp(world, external) }, portId)]),
  'a port forwarding of a router': ({ routerId }, portId) => createPortForwardings([forwarding({ routerId }, portId)]),
  'a port forwarding of a floating IP that is moved': ({ world, external, instance }, portId) => {
    const outside = { floatingIpId: make.floatingIp(world, external) };
    const [id = ''] = world.do(createPortForwardings([forwarding(outside, instance)]));
    return updatePortForwarding('floatingip', id, { internalPortId: portId });
  },
  'a port forwarding of a router that is moved': ({ world, routerId, instance }, portId) => {
    const [id = ''] = world.do(createPortForwardings([forwarding({ routerId }, instance)]));
    return updatePortForwarding('gateway', id, { internalPortId: portId });
  },
};
const EACH = Object.entries(WAYS);

describe('traffic from outside', () => {
  it.each(EACH)('%s: reaches a port of another project only when an administrator says so', (_name, way) => {
    const made = setting();
    const command = way(made, made.guest);
    const refused = { refusal: (actor: Actor) => made.world.refusal((t, c) => command(t, { ...c, actor })) };
    expect(refused.refusal(OWNER)).toMatch(
      new RegExp(`^BadRequest: .* with Port ${made.guest}, since that port is owned by a different tenant\\.$`),
    );
    expect(made.world.as(ADMIN, command)).not.toBeNull();
    made.world.heldClaims();
  });

  it.each(EACH)('%s: reaches what its own project has on the network', (_name, way) => {
    const made = setting();
    const own = make.port(made.world, made.tenant, { deviceOwner: 'compute:nova' });
    made.world.as(OWNER, way(made, own));
    made.world.heldClaims();
  });

  const SERVICES: readonly (readonly [what: string, port: (setting: Setting) => string])[] = [
    ['DHCP server', ({ world, tenant }) => make.port(world, tenant, { deviceOwner: 'network:dhcp' })],
    ['another service', ({ world, tenant }) => make.port(world, tenant, { deviceOwner: 'network:metadata' })],
    ['router interface', ({ interfacePortId }) => interfacePortId],
    ['router gateway', ({ world, routerId }) => world.get('router', routerId).gateway?.portId as string],
    ['floating IP', ({ world, external }) => world.get('floatingip', make.floatingIp(world, external)).floatingPortId],
  ];
  it.each(EACH.flatMap(([name, way]) => SERVICES.map(([what, port]) => [name, what, way, port] as const)))(
    "%s: never reaches the network's own %s",
    (_name, _what, way, port) => {
      const made = setting();
      const { world } = made;
      const command = way(made, port(made));
      expect(world.refusal((t, c) => command(t, { ...c, actor: ADMIN }))).toMatch(
        /^BadRequest: .* since a port of device owner 'network:[a-z_]+' serves the network itself\.$/,
      );
    },
  );

  it('keeps going where an administrator led it, and its owner leads it to nothing else there', () => {
    const { world, external, guest } = setting();
    const outside = { floatingIpId: make.floatingIp(world, external) };
    const [id = ''] = world.as(ADMIN, createPortForwardings([forwarding(outside, guest)]));
    const change = (changes: Parameters<typeof updatePortForwarding>[2]): Decide<void> =>
      updatePortForwarding('floatingip', id, changes);
    const refusal = (changes: Parameters<typeof updatePortForwarding>[2]) =>
      world.refusal((t, c) => change(changes)(t, { ...c, actor: OWNER }));
    world.as(OWNER, change({ description: 'theirs', externalPorts: at(2022), internalPortId: guest }));
    expect(refusal({ internalPorts: at(3306) })).toMatch(/different tenant/);
    expect(refusal({ protocol: 'udp' })).toMatch(/different tenant/);
    world.as(OWNER, deletePortForwarding('floatingip', id));
  });

  const LEADING: typeof EACH = EACH.filter(
    ([name]) => name.includes('made') || name.startsWith('a port forwarding of'),
  );
  it.each(LEADING)("%s: its destination does not become one of the network's own", (_name, way) => {
    const made = setting();
    const { world } = made;
    const own = make.port(world, made.tenant);
    world.do(way(made, own));
    const becomes = (deviceOwner: string) => updatePort(own, { deviceOwner });
    const leads = / while a floating IP or port forwarding leads to it\.$/;
    expect(world.refusal(becomes('network:dhcp'))).toMatch(leads);
    const other = make.router(world);
    expect(world.refusal(addRouterInterface(other, { portId: own }, made.fleet))).toMatch(leads);
    world.do(becomes('compute:nova'));
    for (const { id, floatingIpId } of world.topology.find('portforwarding', `port/${own}`))
      world.do(deletePortForwarding(floatingIpId === null ? 'gateway' : 'floatingip', id));
    for (const { id } of world.topology.find('floatingip', `associated/${own}`)) world.do(deleteFloatingIp(id));
    world.do(becomes('network:dhcp'));
    world.heldClaims();
  });
});
