import { AgentKind, Beacon, FeedMessage, FeedPart, FeedRefusal, ReplayRequest, Report } from '@plumbline/contracts';
import { Clock } from '../clock.js';
import { FeedListener, NodeFeed } from '../node-feed.js';

/** What happens to one message: it arrives once after each of these delays; an empty list loses it. */
export type Fate = readonly number[];
export type ToNode =
  | Readonly<{ kind: 'message'; body: FeedPart }>
  | Readonly<{ kind: 'beacon'; body: Beacon }>
  | Readonly<{ kind: 'refusal'; body: FeedRefusal }>;
export type FromNode = Readonly<
  { host: string; agent: AgentKind } & ({ kind: 'replay'; body: ReplayRequest } | { kind: 'report'; body: Report })
>;

/** A broker that loses, doubles, delays and reorders messages as `fate` says. Bodies are copied, as on a real network. */
export class FakeBroker {
  /** Called for each message. */
  fate: () => Fate = () => [0];
  /** Called for each feed message to a node: what arrives in its place; null: nothing. */
  spoil: (message: FeedMessage) => FeedMessage | null = (message) => message;
  /** Number of replay requests. */
  asked = 0;
  private readonly nodes = new Map<string, Set<FeedListener>>();
  private readonly servers = new Set<(message: FromNode) => void>();

  constructor(private readonly clock: Clock) {}

  /** Adds one process of the control plane; each message from a node goes to one of them. The returned function removes it. */
  serve(hear: (message: FromNode) => void): () => void {
    this.servers.add(hear);
    return () => this.servers.delete(hear);
  }

  publish(host: string, sent: ToNode): void {
    let message = sent;
    if (sent.kind === 'message' && 'part' in sent.body) {
      const body = this.spoil(sent.body);
      if (!body) return;
      message = { kind: 'message', body };
    }
    this.carry(structuredClone(message), ({ kind, body }) => {
      for (const listener of this.nodes.get(host) ?? []) {
        if (kind === 'message') listener.message(body);
        else if (kind === 'beacon') listener.beacon(body);
        else listener.refusal(body);
      }
    });
  }

  /** Tells the agents of this host that their connection is there. */
  connected(host: string): void {
    for (const listener of this.nodes.get(host) ?? []) listener.connected();
  }

  /** The feed of one agent. */
  feed(host: string, agent: AgentKind): NodeFeed {
    const send = (message: FromNode): void =>
      this.carry(structuredClone(message), (arrived) => {
        const servers = [...this.servers];
        servers[Math.floor(this.clock.random() * servers.length)]?.(arrived);
      });
    return {
      subscribe: (listener) => {
        const listeners = this.nodes.get(host) ?? new Set();
        this.nodes.set(host, listeners.add(listener));
        return () => listeners.delete(listener);
      },
      maxBodyBytes: 4_000,
      requestReplay: (body) => {
        this.asked += 1;
        send({ host, agent, kind: 'replay', body });
      },
      report: (body) => send({ host, agent, kind: 'report', body }),
    };
  }

  private carry<T>(message: T, arrive: (message: T) => void): void {
    for (const delayMs of this.fate()) this.clock.after(delayMs, () => arrive(message));
  }
}
