import { MigrationInterface, QueryRunner } from 'typeorm';
import { appendBatch } from '../sql/append-batch.js';

/** An append may demand that claims under a prefix lead nowhere but where its writer knows (`within`). */
export class GatheredClaims1765000000011 implements MigrationInterface {
  readonly name = 'GatheredClaims1765000000011';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(appendBatch);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
