/** Nest's NATS transport as Plumbline uses it: events only, never a reply; it reconnects without end, and queues nothing while there is no connection. */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { ClientNats, type Deserializer, type IncomingEvent, type NatsOptions } from '@nestjs/microservices';
import { nkeyAuthenticator, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import type { Logger, Metric } from '@plumbline/telemetry';

export type NatsLogin =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'nkey'; seedFile: string }>
  | Readonly<{ kind: 'password'; user: string; passwordFile: string }>;

/** `url`: one URL or several, separated by commas, also with user and password in it. `tls://` requires TLS; `caFile` holds the CA to trust. */
export type NatsAccess = Readonly<{ url: string; login: NatsLogin; caFile?: string | undefined }>;

type Options = Required<NatsOptions>['options'];

/**
 * Treats every message as an event, also one that claims to be a request. Nest would answer a message with an id on the reply subject that the message names,
 * and so a node could make the control plane publish on any subject.
 */
export class EventsOnly implements Deserializer<{ data: Uint8Array }, IncomingEvent> {
  deserialize(message: { data: Uint8Array }, options?: Record<string, unknown>): IncomingEvent {
    return { pattern: options?.['channel'], data: bodyOf(message.data) };
  }
}

/** The body that Nest's serializer packed; undefined for bytes that are no such packet. */
function bodyOf(bytes: Uint8Array): unknown {
  try {
    const packet: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof packet === 'object' && packet !== null && 'data' in packet ? packet.data : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the secret files now. `queue`: each message goes to one of the processes with the same queue. */
export function natsOptions(access: NatsAccess, name: string, queue?: string): Options {
  const servers = access.url.split(',').map((text) => new URL(text.trim()));
  const [first] = servers;
  const secure = servers.some((url) => url.protocol === 'tls:');
  return {
    servers: servers.map((url) => `${url.hostname}:${url.port || '4222'}`),
    name,
    ...loginOptions(access.login),
    ...(access.login.kind === 'none' && first?.username
      ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
      : {}),
    ...(secure || access.caFile ? { tls: access.caFile ? { caFile: access.caFile } : {} } : {}),
    ...(queue ? { queue } : {}),
    deserializer: new EventsOnly(),
    waitOnFirstConnect: true,
    reconnect: true,
    maxReconnectAttempts: -1,
    // The client must not give up while somebody changes its login at the server.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    // Nothing here waits for an answer of the broker but these: a connection that fell silent is left within three of them, and made anew.
    pingInterval: 3_000,
    maxPingOut: 2,
    timeout: 5_000,
  };
}

function loginOptions(login: NatsLogin): Partial<Options> {
  switch (login.kind) {
    case 'none':
      return {};
    case 'nkey':
      return {
        authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(login.seedFile, 'utf8').trim())),
      };
    case 'password':
      return { user: login.user, pass: readFileSync(login.passwordFile, 'utf8').trim() };
  }
}

/**
 * Closes the socket of a connection whose pings are not answered any more, which the client then makes anew. By itself it would first send what waits, and where the
 * kernel takes no more that ends when TCP gives up, a quarter of an hour later. Resolves when the connection is closed for good.
 */
export async function leaveWhenStale(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) if (type === 'staleConnection') socketOf(connection)?.destroy();
}

/** The client has no public way to its socket; undefined where it is not where it was. */
function socketOf(connection: NatsConnection): Socket | undefined {
  const { protocol } = connection as { protocol?: { transport?: { socket?: unknown } } };
  const socket = protocol?.transport?.socket;
  return socket instanceof Socket ? socket : undefined;
}

/** Bytes of the broker's payload limit that Nest's packet around the body needs. */
const packetBytes = 512;

/** Errors of refused messages are logged once in this time, with how many there were. */
const logEveryMs = 5_000;

/**
 * The publishing side. What is sent while there is no connection is dropped: the feed is numbered, and reports are repeated. What the broker refuses (too large, or
 * a subject that the login may not publish on) would be refused again: that is an error in the log, and counted.
 */
export class NatsWire {
  /** Messages given to the connection, and those of them that were refused, since the start. */
  published = 0;
  refused = 0;
  private readonly client: ClientNats;
  private up = false;
  private closed = false;
  private refusedAtLog = 0;
  private loggedAt = -Infinity;
  private readonly hear: (() => void)[] = [];

  constructor(
    access: NatsAccess,
    name: string,
    private readonly logger: Logger,
  ) {
    this.client = new ClientNats(natsOptions(access, name));
    this.client.status.subscribe((status) => {
      const up = (status as string) === 'connected';
      const changed = up !== this.up;
      this.up = up;
      if (!changed) return;
      logger.info({ step: 'nats', connected: up }, up ? 'NATS connected' : 'NATS connection lost, reconnecting');
      if (up) for (const then of this.hear) then();
    });
  }

  /** `then` is called each time that there is a connection where there was none. It must not throw. */
  whenConnected(then: () => void): void {
    this.hear.push(then);
  }

  /** Starts to connect, and retries until `close`. Returns at once. */
  start(): void {
    this.client
      .connect()
      .then((connection: NatsConnection) => Promise.all([leaveWhenStale(connection), this.hearRefusals(connection)]))
      .catch((err: unknown) => {
        if (this.closed) return;
        this.logger.warn({ err, step: 'nats' }, 'cannot connect to NATS, will be retried');
        setTimeout(() => this.start(), 1_000).unref();
      });
  }

  get connected(): boolean {
    return this.up;
  }

  /** Largest body in bytes of JSON that the broker takes. */
  get maxBodyBytes(): number {
    return (this.maxPayload ?? 1024 * 1024) - packetBytes;
  }

  private get maxPayload(): number | undefined {
    return this.up ? this.client.unwrap<NatsConnection>().info?.max_payload : undefined;
  }

  /** Never throws; nothing tells whether it arrived. */
  send(subject: string, body: unknown): void {
    if (!this.up) return;
    this.published += 1;
    this.client.emit(subject, body).subscribe({
      error: (err: unknown) => {
        // The connection may have ended a moment ago: that is no refusal.
        if (this.up) this.count({ err, subject, bytes: Buffer.byteLength(JSON.stringify(body)) });
        else this.logger.debug({ err, subject, step: 'publish' }, 'message not published');
      },
    });
  }

  /** What the server itself says, some time after the message was sent: that this login may not publish there, or that the payload is too large. */
  private async hearRefusals(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type !== 'error') continue;
      const { error } = status;
      if (error instanceof PermissionViolationError && error.operation !== 'publish') continue;
      if (error instanceof PermissionViolationError) this.count({ err: error, subject: error.subject });
      else if (/payload/i.test(error.message)) this.count({ err: error });
    }
  }

  private count(what: Readonly<{ err: unknown; subject?: string; bytes?: number }>): void {
    this.refused += 1;
    if (performance.now() - this.loggedAt < logEveryMs) return;
    this.loggedAt = performance.now();
    const since = this.refused - this.refusedAtLog;
    this.refusedAtLog = this.refused;
    this.logger.error(
      { ...what, maxPayloadBytes: this.maxPayload, refused: since, step: 'publish' },
      'the broker refused a message',
    );
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.close();
  }
}

/** What a program says of its publishing side. */
export const metricsOf = (wire: NatsWire): readonly Metric[] => [
  {
    ...{ name: 'plumbline_nats_connected', type: 'gauge', help: '1 while there is a connection to the broker.' },
    read: () => Number(wire.connected),
  },
  {
    ...{ name: 'plumbline_nats_published_total', type: 'counter', help: 'Messages given to the broker.' },
    read: () => wire.published,
  },
  {
    ...{ name: 'plumbline_nats_publish_refused_total', type: 'counter', help: 'Messages that the broker refused.' },
    read: () => wire.refused,
  },
];
