import { MigrationInterface, QueryRunner } from 'typeorm';
import { logTables, objectsTable, observationTables, readTable } from '../sql/tables.js';
import { firstAppendBatch } from './0001-append-batch.js';

/** The kinds of the first release. Frozen: a later kind is a later migration. */
const firstKinds = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floating_ips',
  placement: 'placements',
  node: 'nodes',
};

/** Makes an empty log. There is no way down: what goes down with it is the only truth. */
export class Log1763700000001 implements MigrationInterface {
  readonly name = 'Log1763700000001';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(logTables);
    await runner.query(objectsTable);
    for (const [kind, table] of Object.entries(firstKinds)) await runner.query(readTable(kind, table));
    await runner.query(observationTables);
    await runner.query(firstAppendBatch);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
