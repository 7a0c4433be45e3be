import { MigrationInterface, QueryRunner } from 'typeorm';
import { checkpointTables } from '../sql/checkpoint-tables.js';

/** Tables for checkpoints; they begin empty. */
export class Checkpoints1764300000005 implements MigrationInterface {
  readonly name = 'Checkpoints1764300000005';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(checkpointTables);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
