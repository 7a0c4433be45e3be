/**
 * `Idempotency-Key`: a create that got no answer may be sent again and is carried out once.
 *
 * The key counts for one project, user, method and path, for 24 hours. The append that stores the events stores the key with them (libs/event-store, `Once`), so there is no moment in
 * which one is there without the other, and two requests that are sent together are decided by the database. The answer is stored when it is given, and given
 * again as it was. If the process ended before that, the repeat is answered with what was made as it is now.
 * A request that was refused, or changed nothing, left no key: it is decided anew.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '@plumbline/domain';
import type { Once } from '@plumbline/event-store';
import { Repeated } from '@plumbline/ledger';
import { canonical } from '@plumbline/topology';
import type pg from 'pg';
import { badRequest, EdgeError } from './errors/edge-error.js';
import type { Outcome } from './errors/errors.filter.js';
import { parseJson } from './json-body.js';
import type { ApiAnswer, ApiRequest } from './neutron/endpoint.js';

export type NamedRequest = Omit<Once, 'result'>;

type Kept = Readonly<{ fingerprint: string; result: unknown; outcome: Outcome | null; answer: string | null }>;

const LONGEST_KEY = 255;
/** The first is still at work: its process stores the answer a moment after the events. */
const ANSWER_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;
const PRUNE_EVERY_MS = 10 * 60_000;
const STILL_COUNTS = `made_at > now() - interval '24 hours'`;

export class Idempotency {
  private prunedAt = 0;

  constructor(private readonly pool: pg.Pool) {}

  /**
   * Carries out the request by `work`, or answers it as before. `again` answers from what the request decided, when its answer was not stored. Rejects as `work` does, and
   * with EdgeError when the key is not one, or was used for another body.
   */
  async once(
    request: ApiRequest,
    work: (named: NamedRequest | undefined) => Promise<ApiAnswer>,
    again: (result: unknown) => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return work(undefined);
    const named = nameOf(request, idempotencyKey);
    const before = await this.find(named);
    if (before) return this.repeat(named, before, again);
    try {
      const answer = await work(named);
      await this.keep(named, answer);
      return answer;
    } catch (error) {
      // A refusal may be for what the first of the two has made meanwhile.
      const made = error instanceof Repeated || error instanceof DomainError ? await this.find(named) : undefined;
      if (!made) throw error;
      return this.repeat(named, made, again);
    }
  }

  private async repeat(
    named: NamedRequest,
    found: Kept,
    again: (result: unknown) => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    if (found.fingerprint !== named.fingerprint)
      throw new EdgeError(
        'IdempotencyKeyReused',
        'unprocessable',
        'This Idempotency-Key was used for a request with another body. Use a new key for another request.',
      );
    const dueAt = performance.now() + ANSWER_WITHIN_MS;
    for (let kept: Kept | undefined = found; kept; kept = await this.find(named)) {
      if (kept.outcome !== null) return { outcome: kept.outcome, ...(kept.answer !== null && { body: kept.answer }) };
      if (performance.now() > dueAt) break;
      await delay(LOOK_EVERY_MS);
    }
    const answer = await again(found.result);
    await this.keep(named, answer);
    return answer;
  }

  private async find({ key }: NamedRequest): Promise<Kept | undefined> {
    const { rows } = await this.pool.query<Kept>(
      `SELECT fingerprint, result, outcome, answer FROM plumbline.idempotency_keys WHERE key = $1 AND ${STILL_COUNTS}`,
      [key],
    );
    return rows[0];
  }

  /** What was carried out stays so, whether the answer can be kept or not. */
  private async keep({ key }: NamedRequest, { outcome, body }: ApiAnswer): Promise<void> {
    const text = body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body);
    const sql = `UPDATE plumbline.idempotency_keys SET outcome = $2, answer = $3 WHERE key = $1`;
    await this.pool.query(sql, [key, outcome, text]).catch(() => undefined);
    if (performance.now() - this.prunedAt < PRUNE_EVERY_MS && this.prunedAt > 0) return;
    this.prunedAt = performance.now();
    this.pool.query(`DELETE FROM plumbline.idempotency_keys WHERE NOT ${STILL_COUNTS}`).catch(() => undefined);
  }
}

function nameOf({ method, path, search, raw, caller }: ApiRequest, key: string): NamedRequest {
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > LONGEST_KEY)
    throw badRequest(`An Idempotency-Key has 1 to ${LONGEST_KEY} printable ASCII characters`);
  return {
    key: hash([caller.projectId, caller.userId, method, path, key]),
    fingerprint: hash([search.toString(), canonical(parseJson(raw))]),
  };
}

const hash = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
