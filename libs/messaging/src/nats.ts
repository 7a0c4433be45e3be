/** Nest's NATS transport as Plumbline uses it: events only, never a reply, for ever reconnecting, and nothing piles up while there is no connection. */
import { readFileSync } from 'node:fs';
import { ClientNats, type Deserializer, type IncomingEvent, type NatsOptions } from '@nestjs/microservices';
import { nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '@plumbline/telemetry';

export type NatsLogin =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'nkey'; seedFile: string }>
  | Readonly<{ kind: 'password'; user: string; passwordFile: string }>;

/** `url` may be several, separated by commas, and may carry user and password. `tls://` demands TLS; `caFile` says whom to trust. */
export type NatsAccess = Readonly<{ url: string; login: NatsLogin; caFile?: string | undefined }>;

type Options = Required<NatsOptions>['options'];

/**
 * Every message is an event, whatever its sender says of itself: Nest would answer one that carries an id on the reply subject it names, and no node may make
 * the control plane publish where it likes (DESIGN.md section 5).
 */
export class EventsOnly implements Deserializer<{ data: Uint8Array }, IncomingEvent> {
  deserialize(message: { data: Uint8Array }, options?: Record<string, unknown>): IncomingEvent {
    return { pattern: options?.['channel'], data: bodyOf(message.data) };
  }
}

/** What Nest's serializer packed; undefined for bytes that are none of it. */
function bodyOf(bytes: Uint8Array): unknown {
  try {
    const packet: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof packet === 'object' && packet !== null && 'data' in packet ? packet.data : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the secret files now. `queue`: processes that share it share the messages. */
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
    // A login that is being changed at the server must not end the client.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    pingInterval: 5_000,
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

/** Room that the broker's limit must leave for Nest's packet around the body. */
const packetBytes = 512;

/** The publishing side. What is sent while there is no connection is dropped: the feed is numbered, and reports come again. */
export class NatsWire {
  private readonly client: ClientNats;
  private up = false;
  private closed = false;

  constructor(
    access: NatsAccess,
    name: string,
    private readonly logger: Logger,
  ) {
    this.client = new ClientNats(natsOptions(access, name));
    this.client.status.subscribe((status) => {
      const up = (status as string) === 'connected';
      if (up !== this.up)
        logger.info({ step: 'nats', connected: up }, up ? 'NATS connected' : 'NATS connection lost, reconnecting');
      this.up = up;
    });
  }

  /** Begins to connect, and goes on until it is closed. Returns at once. */
  start(): void {
    this.client.connect().catch((err: unknown) => {
      if (this.closed) return;
      this.logger.warn({ err, step: 'nats' }, 'NATS cannot be reached, will be repeated');
      setTimeout(() => this.start(), 1_000).unref();
    });
  }

  get connected(): boolean {
    return this.up;
  }

  /** Largest body in bytes of JSON that the broker takes. */
  get maxBodyBytes(): number {
    const limit = this.up ? this.client.unwrap<NatsConnection>().info?.max_payload : undefined;
    return (limit ?? 1024 * 1024) - packetBytes;
  }

  /** Never throws; nobody says whether it arrived. */
  send(subject: string, body: unknown): void {
    if (!this.up) return;
    this.client.emit(subject, body).subscribe({
      error: (err: unknown) => this.logger.debug({ err, subject, step: 'publish' }, 'not published'),
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.close();
  }
}
