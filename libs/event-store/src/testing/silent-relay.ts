/** A TCP relay that can go silent as a network does that loses its state: nothing more passes on open connections and neither end is told; new ones work. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net';

type Pair = readonly [Socket, Socket];

export class SilentRelay {
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** Listens on a free port of loopback. */
  static async to(target: NetConnectOpts): Promise<SilentRelay> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relay = new SilentRelay(server, (server.address() as AddressInfo).port);
    server.on('connection', (client) => relay.join(client, connect(target)));
    return relay;
  }

  /** Before a PostgreSQL that has a unix socket; `url` gives its login the way through the relay. */
  static async toPostgres(url: string): Promise<{ relay: SilentRelay; url: string }> {
    const at = new URL(url.replace('@/', '@localhost/'));
    const relay = await SilentRelay.to({ path: `${at.searchParams.get('host')}/.s.PGSQL.5432` });
    at.search = '';
    at.host = `127.0.0.1:${relay.port}`;
    return { relay, url: at.href };
  }

  /** Silences the connections that are open now; says how many. */
  silence(): number {
    for (const pair of this.pairs)
      for (const socket of pair) {
        socket.unpipe();
        socket.pause();
        socket.removeAllListeners('close');
      }
    return this.pairs.size;
  }

  async stop(): Promise<void> {
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket, server: Socket): void {
    const pair: Pair = [client, server];
    this.pairs.add(pair);
    client.pipe(server);
    server.pipe(client);
    for (const [one, other] of [pair, [server, client]] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        other.destroy();
        this.pairs.delete(pair);
      });
    }
  }
}
