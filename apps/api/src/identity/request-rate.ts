/** How often one project may ask. Counted in this process: with several, each allows that much. */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { tooManyRequests } from '../errors/edge-error.js';

/** Requests of a project in one second; 0: any number. */
export class RequestRate {
  private readonly limiter: RateLimiterMemory | null;

  constructor(private readonly perSecond: number) {
    this.limiter = perSecond === 0 ? null : new RateLimiterMemory({ points: perSecond, duration: 1 });
  }

  /** Rejects with 'too-many-requests' once the second's share is used. */
  async count(projectId: string): Promise<void> {
    if (this.limiter === null) return;
    try {
      await this.limiter.consume(projectId);
    } catch (reason) {
      if (reason instanceof Error) throw reason;
      throw tooManyRequests(
        `Project ${projectId} has made more than ${this.perSecond} requests in a second. Try again in a moment, or have the operator raise PLUMB_REQUESTS_PER_SECOND.`,
        1,
      );
    }
  }
}
