import { MigrationInterface, QueryRunner } from 'typeorm';
import { feedPruned } from '../sql/tables.js';

/** How far feed rows were pruned. */
export class FeedPruned1765000000006 implements MigrationInterface {
  readonly name = 'FeedPruned1765000000006';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(feedPruned);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
