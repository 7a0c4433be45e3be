/** Who sends and who gets it: what a text names, among what whoever asks may see. Pure. */
import {
  type AnyObject,
  canonicalAddress,
  cidrContains,
  DEVICE_OWNER,
  type FloatingIp,
  IpAddress,
  keyOf,
  type Network,
  type Port,
} from '@plumbline/contracts';
import { type Objects } from '../doctor/subject.js';
import { isExternal } from '../doctor/scene.js';
import type { EndTold } from './told.js';

/** `address` null: any of the port's. */
export type End =
  | Readonly<{ sort: 'port'; port: Port; address: string | null }>
  | Readonly<{ sort: 'floating'; floatingIp: FloatingIp }>
  | Readonly<{ sort: 'outside'; address: string; network: Network | null }>;

/** What is wrong with a text, for whoever sent it. `absent`: nobody has it. */
export class BadEnd extends Error {
  override readonly name = 'BadEnd';
  constructor(
    message: string,
    readonly absent = false,
  ) {
    super(message);
  }
}

const isFloatingPort = ({ deviceOwner }: Port): boolean => deviceOwner === DEVICE_OWNER.floatingIp;

/**
 * An id or name of a port, the id of a floating IP, an instance's id, an address, or an address on a network (`10.0.0.5@NETWORK`, by id or name). `sees`: whether whoever
 * asks may know of an object. Throws BadEnd.
 */
export function endOf(objects: Objects, given: string, sees: (object: AnyObject) => boolean): End {
  const [text = '', ...where] = given.trim().split('@');
  const on = where.length > 0 ? networkNamed(objects, where.join('@'), sees) : null;
  if (IpAddress.safeParse(text).success) return atAddress(objects, canonicalAddress(text), on, sees);
  if (on) throw new BadEnd(`'${text}' is no address: before "@" there is an address, behind it its network`);
  const id = text.toLowerCase();
  const floating = objects.get('floatingip', id);
  if (floating && sees(floating)) return { sort: 'floating', floatingIp: floating };
  const byId = objects.get('port', id);
  if (byId && sees(byId)) return ofPort(objects, byId);
  const named =
    text === '' ? [] : objects.all('port').filter(({ name, deviceId }) => name === text || deviceId === text);
  return only(
    named.filter((port) => sees(port) && !isFloatingPort(port)).map((port) => ofPort(objects, port)),
    text,
    'name one by its id',
  );
}

function networkNamed(objects: Objects, text: string, sees: (object: AnyObject) => boolean): Network {
  const byId = objects.get('network', text.toLowerCase());
  const found = byId ? [byId] : objects.all('network').filter(({ name }) => name === text && name !== '');
  return only(found.filter(sees), text, 'name the network by its id');
}

function only<T>(found: readonly T[], text: string, else_: string): T {
  const [first, ...more] = found;
  if (first === undefined) throw new BadEnd(`There is no ${JSON.stringify(text.slice(0, 255))}.`, true);
  if (more.length > 0) throw new BadEnd(`${more.length + 1} have '${text}': ${else_}`);
  return first;
}

function ofPort(objects: Objects, port: Port): End {
  const floatingIp = isFloatingPort(port) ? objects.get('floatingip', port.deviceId) : undefined;
  return floatingIp ? { sort: 'floating', floatingIp } : { sort: 'port', port, address: null };
}

function atAddress(objects: Objects, address: string, on: Network | null, sees: (object: AnyObject) => boolean): End {
  const networks = on ? [on] : objects.all('network');
  const found = networks.flatMap(({ id }): End[] => [
    ...objects
      .find('floatingip', `address/${id}/${address}`)
      .filter(sees)
      .map((floatingIp): End => ({ sort: 'floating', floatingIp })),
    ...objects
      .find('port', `address/${id}/${address}`)
      .filter((port) => sees(port) && !isFloatingPort(port))
      .map((port): End => ({ sort: 'port', port, address })),
  ]);
  if (found.length > 0) return only(found, address, `name its network, too: ${address}@NETWORK`);
  return { sort: 'outside', address, network: on ?? externalWith(objects, address) };
}

/** The external network that has the address; where none has, the only one that there is. */
function externalWith(objects: Objects, address: string): Network | null {
  const external = objects.all('network').filter((network) => isExternal(objects, network));
  const having = external.find(({ id }) =>
    objects.find('subnet', `network/${id}`).some(({ cidr }) => cidrContains(cidr, address)),
  );
  return having ?? (external.length === 1 ? (external[0] ?? null) : null);
}

/** Addresses that it sends from, or is sent to. */
export function addressesOf(end: End, as: 'from' | 'to'): readonly string[] {
  switch (end.sort) {
    case 'outside':
      return [end.address];
    case 'floating':
      return as === 'to' ? [end.floatingIp.floatingIpAddress] : fixedOf(end.floatingIp);
    case 'port':
      return end.address !== null ? [end.address] : end.port.fixedIps.map(({ ipAddress }) => ipAddress);
  }
}

const fixedOf = ({ association }: FloatingIp): readonly string[] => (association ? [association.fixedIpAddress] : []);

export function endTold(end: End, asked: string, address: string): EndTold {
  const object = end.sort === 'outside' ? null : end.sort === 'port' ? end.port : end.floatingIp;
  return { asked, address, object: object && keyOf(object), name: object?.name ?? '' };
}
