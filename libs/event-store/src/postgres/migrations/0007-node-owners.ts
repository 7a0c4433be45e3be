import { MigrationInterface, QueryRunner } from 'typeorm';
import { nodeOwnerTables } from '../sql/tables.js';

/** Which machine owns a host's name. */
export class NodeOwners1765000000007 implements MigrationInterface {
  readonly name = 'NodeOwners1765000000007';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(nodeOwnerTables);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
