import { MigrationInterface, QueryRunner } from 'typeorm';
import { instanceTable } from '../sql/instance-table.js';

/** What owners give their instances to know, beside the log. */
export class InstanceData1765000000014 implements MigrationInterface {
  readonly name = 'InstanceData1765000000014';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(instanceTable);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
