import { MigrationInterface, QueryRunner } from 'typeorm';
import { reportPages } from '../sql/tables.js';

/** Reports in pages, each status with the report it is from, and since when an agent is in sync or not. */
export class ReportPages1765000000010 implements MigrationInterface {
  readonly name = 'ReportPages1765000000010';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(reportPages);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
