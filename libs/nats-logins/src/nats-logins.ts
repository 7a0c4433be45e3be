/**
 * Who may say what on NATS: one login a node, allow-lists only; and the API's.
 *
 * Logins are nkeys (Ed25519): the server's configuration holds public keys, each login's owner a seed. A configuration that leaks opens nothing, and no password
 * hash is needed. A node may hear its own feed and beacon and speak on its own replay and report subjects. Nobody has an inbox: no one requests, the API answers a
 * replay on the feed.
 */
import { nkeys } from '@nats-io/transport-node';
import { AGENT_KINDS, subjects } from '@plumbline/contracts';

export interface NkeyPair {
  /** `U...`, for the server's configuration. */
  readonly publicKey: string;
  /** `SU...`, for its owner alone. */
  readonly seed: string;
}

/** Subjects a login may publish and subscribe to. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface NatsLogin extends Permissions {
  readonly publicKey: string;
}

/** A new key pair from the system's randomness. */
export function newNkeyPair(): NkeyPair {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** What a node's agents may do. */
export function nodePermissions(host: string): Permissions {
  return {
    publish: AGENT_KINDS.flatMap((kind) => [subjects.replay(host, kind), subjects.report(host, kind)]),
    subscribe: [subjects.feed(host), subjects.beacon(host)],
  };
}

/** What the API may do. */
export function apiPermissions(): Permissions {
  return {
    publish: [subjects.feed('*'), subjects.beacon('*')],
    subscribe: [subjects.allReplays, subjects.allReports],
  };
}

/** The block of one login for `authorization.users` of a nats-server's configuration. */
export function loginBlock(login: NatsLogin): string {
  const list = (items: readonly string[]) => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  return [
    '{',
    `  nkey: ${login.publicKey}`,
    `  permissions: { publish: { allow: ${list(login.publish)} }, subscribe: { allow: ${list(login.subscribe)} } }`,
    '}',
  ].join('\n');
}

/** A whole configuration: core NATS (no JetStream), these logins and no others. */
export function natsConfiguration(listen: string, logins: readonly NatsLogin[]): string {
  return `# Written by plumb; public keys only.
listen: ${JSON.stringify(listen)}
max_payload: 1MB
write_deadline: "5s"
authorization {
  users = [
${logins.map(loginBlock).join('\n')}
  ]
}
`;
}
