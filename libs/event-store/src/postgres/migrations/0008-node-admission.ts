import { MigrationInterface, QueryRunner } from 'typeorm';
import { admissionsDue, readTable } from '../sql/tables.js';

/** What operators let nodes do. The nodes of an older log are admitted once, when `migrate` has derived its tables anew (`../admit-once.ts`). */
export class NodeAdmission1765000000008 implements MigrationInterface {
  readonly name = 'NodeAdmission1765000000008';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readTable('admission', 'admissions'));
    await runner.query(admissionsDue);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
