/**
 * What owners give an instance to know of itself: public keys, user data and a host name. It is kept beside the log (invariant 1) and is in no event, no feed and no
 * snapshot. A node gets it by asking (docs/design/access.md, "Instance data"):
 *
 *     node  InstanceAsk       plumb.v1.instance-ask.<host>   what is there for these instances? I have these revisions
 *     API   InstanceAnswer    plumb.v1.instances.<host>      each instance that was asked for, in one of four lists
 *     API   InstancesChanged  plumb.v1.instances.<host>      an owner changed or removed it: ask again for these
 *
 * An instance is named by its project and its device id, because a device id is any text that a port's owner chose: another project's port with the same device id
 * is another instance. A port is served the data of `instanceOf(port)` and of nobody else.
 *
 * Each message may be lost, doubled or late, and there may be several processes of the API. So a node
 * - asks for every instance of its ports: at the start, when its view gains one, when it hears `InstancesChanged`, when there is a connection again, and every
 *   INSTANCE_ASK_EVERY_MS for all of them (that finds what was lost);
 * - has one question in flight, and takes answers to that one only (`ask`): what was not answered within some seconds is asked again with another `ask`;
 * - removes what it keeps for an instance when the answer says `gone`, and when its view has no port of it any more. Silence, and messages of another log than the
 *   one it is bound to, remove nothing (invariants 6 and 13).
 */
import { z } from 'zod';
import { HostName } from './host-names.js';
import type { Port } from './objects.js';
import { Id, Position } from './primitives.js';

/** Time after which a node asks again for all instances that it serves, in milliseconds. */
export const INSTANCE_ASK_EVERY_MS = 30_000;
/** Instances in one question. A node with more asks several times, one after the other; `questionsOf` in libs/messaging also bounds the bytes. */
export const MOST_INSTANCES_ASKED = 1_000;

/** Bytes of user data, decoded. */
export const MOST_USER_DATA_BYTES = 65_536;
/** Public keys of an instance, and characters of one of them with its comment. */
export const MOST_PUBLIC_KEYS = 32;
export const MOST_PUBLIC_KEY = 16_384;
/** Characters of all of an instance's public keys together. */
export const MOST_PUBLIC_KEYS_TEXT = 65_536;

export const InstanceName = z.object({ projectId: z.string().max(255), deviceId: z.string().min(1).max(255) });
export type InstanceName = Readonly<z.infer<typeof InstanceName>>;

/** The instance that a port belongs to. Null: none, for it has no device id, or it is the cloud's own (of a router, of a DHCP server), or nobody's. */
export const instanceOf = ({
  projectId,
  deviceId,
  deviceOwner,
}: Pick<Port, 'projectId' | 'deviceId' | 'deviceOwner'>): InstanceName | null =>
  projectId === '' || deviceId === '' || deviceOwner.startsWith('network:') ? null : { projectId, deviceId };

/** Name of a public key: as in the EC2 paths, it stands alone in a line. */
export const PublicKeyName = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9_.@ -]{0,253}[A-Za-z0-9_.@-])?$/,
    'letters, digits, "_", ".", "@", "-" and spaces inside, beginning with a letter or digit, at most 255',
  );
/** One line of an authorized_keys file. */
export const PublicKey = z
  .string()
  .min(1)
  .max(MOST_PUBLIC_KEY)
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'one line without control characters');
/** A name of RFC 1123, in lower case: labels of letters, digits and "-" with dots between. */
export const InstanceHostname = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    'labels of letters, digits and "-"',
  );

export const InstanceData = InstanceName.extend({
  /** Another one after each change, also after a change back. Compared for equality only: it has no order. */
  revision: Id,
  /** Null: the owner gave none. */
  hostname: InstanceHostname.nullable(),
  /** Name -> key, sorted by name. */
  publicKeys: z.record(PublicKeyName, PublicKey),
  /** Base64 of the bytes as given, which may be anything (text, a gzip); null: none. */
  userData: z
    .base64()
    .max(Math.ceil(MOST_USER_DATA_BYTES / 3) * 4)
    .nullable(),
});
export type InstanceData = Readonly<z.infer<typeof InstanceData>>;

/** From a node: "what is there for these?" The host is taken from the subject, never from here. */
export const InstanceAsk = z.object({
  /** The log that the node is bound to. The API of another one does not answer. */
  log: Id,
  /** The node's own name of this question; the answers bear it. */
  ask: Id,
  /** Of the view that the names are from: the API reads the log at least so far before it says that something is gone. */
  position: Position,
  /** `revision`: of what the node keeps; null: nothing. */
  instances: z.array(InstanceName.extend({ revision: Id.nullable() })).max(MOST_INSTANCES_ASKED),
});
export type InstanceAsk = Readonly<z.infer<typeof InstanceAsk>>;

/**
 * One of the answers to a question. Each instance that was asked for is in one list of one of them; `last` is true on the one that is sent last. An instance that is in
 * none when `last` was heard, or some seconds after the question, was lost: the node asks again.
 */
export const InstanceAnswer = z.object({
  log: Id,
  host: HostName,
  ask: Id,
  /** What the node must keep from now on. */
  set: z.array(InstanceData),
  /** What it keeps has this revision still. */
  same: z.array(InstanceName),
  /**
   * Nothing is kept for it, or this node does not serve it: what the node has of it goes. The two cases are not told apart, so that no node learns what it does
   * not serve.
   */
  gone: z.array(InstanceName),
  /** Not answered now, because the answers would be too large together: the node asks again for these at once. */
  later: z.array(InstanceName),
  last: z.boolean(),
});
export type InstanceAnswer = Readonly<z.infer<typeof InstanceAnswer>>;

/** To each node that serves one of these instances: something of them was changed or removed. It says not what: the node asks. */
export const InstancesChanged = z.object({ log: Id, host: HostName, changed: z.array(InstanceName) });
export type InstancesChanged = Readonly<z.infer<typeof InstancesChanged>>;

/** A piece of the JSON text of an `InstanceAnswer` that is larger than one message, in base64: the pieces 1..of with the same `set`, in order, are the text. */
export const InstanceSlice = z.object({
  log: Id,
  host: HostName,
  slice: z.object({
    index: z.number().int().min(1),
    of: z.number().int().min(1).max(100_000),
    set: z.string().max(64),
  }),
  text: z.base64(),
});
export type InstanceSlice = Readonly<z.infer<typeof InstanceSlice>>;
/** What arrives on a host's subject of instances. */
export type InstanceMessage = InstanceAnswer | InstancesChanged | InstanceSlice;
