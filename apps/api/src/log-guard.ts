/**
 * Nothing is served that is not of the log which this process has read: no request while the log is loaded anew or the tables are of another release, and no connection to a
 * database that has lost the end of it. A database is exchanged for another by breaking its connections, so each new one is asked before it is used; in between the
 * follower looks several times a second.
 */
import { confirmOn } from '@plumbline/event-store';
import type { Follower } from '@plumbline/ledger';
import type { FastifyRequest } from 'fastify';
import type pg from 'pg';
import { unavailable } from './errors/edge-error.js';

/** What says how things are, or is the same whatever the log says. */
const SERVED_ALWAYS = ['/', '/healthz', '/metrics', '/openapi.json', '/docs'];

export class LogGuard {
  private follower: Follower | null = null;

  /** Connections that are opened before this is called are not asked. */
  watch(follower: Follower): void {
    this.follower = follower;
  }

  /** For a pool's new connections. Rejects with LogDiffers and WrongGeneration. */
  readonly admit = async (client: pg.ClientBase): Promise<void> => {
    const { follower } = this;
    if (!follower || follower.unusable) return;
    const { memory, head } = follower;
    await confirmOn(client, head).catch((error: unknown) => {
      follower.heed(error, memory);
      throw error;
    });
  };

  /** A Fastify onRequest hook. Rejects with 'unavailable'. */
  readonly serve = async (request: FastifyRequest): Promise<void> => {
    const reason = this.follower?.unusable;
    if (!reason || SERVED_ALWAYS.includes(request.routeOptions.url ?? '')) return;
    throw unavailable(`${reason.message} Nothing is served until the log is loaded anew.`);
  };
}
