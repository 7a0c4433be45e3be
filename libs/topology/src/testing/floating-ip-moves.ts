/** The walk's moves on floating IPs: create, associate, move, disassociate, describe, delete. */
import { DEVICE_OWNER, FloatingIp } from '@plumbline/contracts';
import { floatingIpAssociated, floatingIpCreated, floatingIpDisassociated, portCreated } from './events.js';
import { unforward } from './forwarding-moves.js';
import { addressOn, instancePorts, pick, pickKind, routersBetween, type Move } from './reach.js';
import type { Walk } from './walk.js';

const create: Move = (walk, { a }) => {
  const network = pick(
    walk.topology.all('network').filter((each) => each.external),
    a,
  );
  const [fixedIp] = network ? addressOn(walk, network.id) : [];
  if (!network || !fixedIp) return;
  const floatingIpId = walk.newId();
  const floatingPortId = walk.newId();
  walk.emit(
    portCreated({
      portId: floatingPortId,
      networkId: network.id,
      macAddress: walk.newMac(),
      fixedIps: [fixedIp],
      deviceId: floatingIpId,
      deviceOwner: DEVICE_OWNER.floatingIp,
    }),
  );
  walk.emit(
    floatingIpCreated({
      floatingIpId,
      floatingNetworkId: network.id,
      floatingIpAddress: fixedIp.ipAddress,
      floatingPortId,
    }),
  );
};

function disassociate(walk: Walk, floatingIp: FloatingIp): void {
  if (!floatingIp.association) return;
  const { portId, fixedIpAddress, routerId } = floatingIp.association;
  const { id: floatingIpId, floatingIpAddress } = floatingIp;
  walk.emit(floatingIpDisassociated({ floatingIpId, floatingIpAddress, portId, fixedIpAddress, routerId }));
}

/** The router that joins a port's subnet to the floating IP's network. */
const routerBetween = (walk: Walk, subnetId: string, externalNetworkId: string): string | undefined =>
  routersBetween(walk, subnetId).find((router) => router.gateway?.networkId === externalNetworkId)?.id;

/** Associates, or moves when associated already. */
const associate: Move = (walk, { a, b }) => {
  const floatingIp = pickKind(walk, 'floatingip', a);
  if (!floatingIp || walk.topology.has(`floatingip/${floatingIp.id}`)) return;
  const reachable = instancePorts(walk).flatMap((port) => {
    const fixedIp = port.fixedIps[0];
    const routerId = fixedIp && routerBetween(walk, fixedIp.subnetId, floatingIp.floatingNetworkId);
    const taken = walk.topology
      .find('floatingip', `associated/${port.id}`)
      .some((each) => each.floatingNetworkId === floatingIp.floatingNetworkId);
    const forwarded = walk.topology.find('portforwarding', `port/${port.id}`).length > 0;
    return fixedIp && routerId && !taken && !forwarded ? [{ port, fixedIp, routerId }] : [];
  });
  const chosen = pick(reachable, b);
  if (!chosen) return;
  disassociate(walk, floatingIp);
  walk.emit(
    floatingIpAssociated({
      floatingIpId: floatingIp.id,
      floatingIpAddress: floatingIp.floatingIpAddress,
      portId: chosen.port.id,
      fixedIpAddress: chosen.fixedIp.ipAddress,
      subnetId: chosen.fixedIp.subnetId,
      routerId: chosen.routerId,
    }),
  );
};

const free: Move = (walk, { a }) => {
  const floatingIp = pickKind(walk, 'floatingip', a);
  if (floatingIp) disassociate(walk, floatingIp);
};

const describe: Move = (walk, { a, b }) => {
  const floatingIp = pickKind(walk, 'floatingip', a);
  if (floatingIp)
    walk.emit({
      type: 'FloatingIpAttributesSet',
      version: 1,
      data: { floatingIpId: floatingIp.id, set: { description: `text ${b}` } },
    });
};

const remove: Move = (walk, { a }) => {
  const floatingIp = pickKind(walk, 'floatingip', a);
  if (!floatingIp) return;
  disassociate(walk, floatingIp);
  for (const forwarding of walk.topology.find('portforwarding', `floatingip/${floatingIp.id}`))
    unforward(walk, forwarding);
  walk.emit({ type: 'FloatingIpDeleted', version: 1, data: { floatingIpId: floatingIp.id } });
  walk.emit({
    type: 'PortDeleted',
    version: 1,
    data: { portId: floatingIp.floatingPortId, networkId: floatingIp.floatingNetworkId },
  });
};

export const FLOATING_IP_MOVES: readonly Move[] = [
  create,
  create,
  associate,
  associate,
  associate,
  free,
  describe,
  remove,
];
