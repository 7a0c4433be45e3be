/**
 * NATS logins: one for each node and one for the API, each with lists of the subjects it may use.
 *
 * Logins are nkeys (Ed25519): the server's configuration holds public keys, each login's owner its seed. A leaked configuration lets nobody in, and no password
 * hashes are needed. A node may subscribe to its own feed and beacon and publish on the replay and report subjects of the agents that its roles run, hear
 * the questions to these agents and publish their answers. A node whose agents carry routers or networks may also ask for the data of instances, and hear the answers
 * on a subject of its own. Nobody may use an inbox: NATS requests are not used, because a login would need the right to publish wherever the asker says.
 */
import { nkeys } from '@nats-io/transport-node';
import { AGENT_KINDS, agentOf, agentsAdmitted, subjects } from '@plumbline/contracts';

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

/** What a node's agents may do. `roles`: what an operator admitted the node as; null: a login of a release without roles, which may speak for every kind of agent. */
export function nodePermissions(host: string, roles: readonly string[] | null): Permissions {
  const kinds = roles === null ? AGENT_KINDS : agentsAdmitted(roles);
  const serves = kinds.some((kind) => agentOf(kind).carries !== null);
  return {
    publish: [
      ...kinds.flatMap((kind) => [
        subjects.replay(host, kind),
        subjects.report(host, kind),
        subjects.answersOf(host, kind),
      ]),
      ...(serves ? [subjects.instanceAsk(host)] : []),
    ],
    subscribe: [
      subjects.feed(host),
      subjects.beacon(host),
      ...kinds.map((kind) => subjects.question(host, kind)),
      ...(serves ? [subjects.instances(host)] : []),
    ],
  };
}

/** What the API may do. */
export function apiPermissions(): Permissions {
  return {
    publish: [subjects.allFeeds, subjects.allBeacons, subjects.allInstances, subjects.allQuestions],
    subscribe: [subjects.allReplays, subjects.allReports, subjects.allInstanceAsks, subjects.allAnswers],
  };
}

/** The block of one login for `authorization.users` of a nats-server's configuration. */
export function loginBlock(login: NatsLogin): string {
  const quoted = (items: readonly string[]) => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  // An empty list of what is allowed would allow everything.
  const rule = (items: readonly string[]) => (items.length === 0 ? '{ deny: [">"] }' : `{ allow: ${quoted(items)} }`);
  return [
    '{',
    `  nkey: ${login.publicKey}`,
    `  permissions: { publish: ${rule(login.publish)}, subscribe: ${rule(login.subscribe)} }`,
    '}',
  ].join('\n');
}

/**
 * The complete configuration file of a nats-server: core NATS (no JetStream), these logins and no others. A client may take 20 s to log in: with the server's
 * default of one second, a busy machine locks its own nodes out. `tls`: who does not use it is refused; null: plain.
 */
export function natsConfiguration(
  listen: string,
  logins: readonly NatsLogin[],
  tls: Readonly<{ certificate: string; key: string }> | null = null,
): string {
  const encrypted = tls
    ? `\ntls { cert_file: ${JSON.stringify(tls.certificate)}, key_file: ${JSON.stringify(tls.key)}, timeout: 20 }`
    : '';
  return `# Written by plumb; public keys only.
listen: ${JSON.stringify(listen)}${encrypted}
max_payload: 1MB
write_deadline: "5s"
# A client that fell silent is forgotten: what nodes send is shared by the API's processes, also by one that hears nothing.
ping_interval: "10s"
ping_max: 2
authorization {
  timeout: 20
  users = [
${logins.map(loginBlock).join('\n')}
  ]
}
`;
}
