import { MigrationInterface, QueryRunner } from 'typeorm';
import { appendBatch, refuseOlderWriters } from '../sql/append-batch.js';
import { idempotencyTable } from '../sql/idempotency-table.js';

/** An append says what its writer has read, of which generation it is and how long it waits; processes of older releases store nothing more. Keys of requests that may be repeated. */
export class Fences1764340000004 implements MigrationInterface {
  readonly name = 'Fences1764340000004';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(idempotencyTable);
    await runner.query(appendBatch);
    await runner.query(refuseOlderWriters);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
