import { MigrationInterface, QueryRunner } from 'typeorm';
import { appendBatch } from '../sql/append-batch.js';
import { serverEventTables } from '../sql/server-event-tables.js';

/** What Nova must hear is a row that an append makes with its events (`serverEvents`). */
export class ServerEvents1765000000015 implements MigrationInterface {
  readonly name = 'ServerEvents1765000000015';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(serverEventTables);
    await runner.query(appendBatch);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
