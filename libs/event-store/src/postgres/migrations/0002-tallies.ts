import { MigrationInterface, QueryRunner } from 'typeorm';
import { secondAppendBatch } from './0002-append-batch.js';
import { identityTables } from '../sql/identity-tables.js';
import { agentColumns, readTable, shortPendingLists, tallyTables } from '../sql/tables.js';

/** The kinds of this release. Frozen: a later kind is a later migration. */
const secondKinds = {
  securitygroup: 'security_groups',
  securitygrouprule: 'security_group_rules',
  addressgroup: 'address_groups',
  addressscope: 'address_scopes',
  subnetpool: 'subnet_pools',
  rbacpolicy: 'rbac_policies',
  quota: 'quotas',
  portforwarding: 'port_forwardings',
};

/** Counts for quotas, more kinds, the generation of what is derived, what the built-in identity remembers. `migrate` makes what is derived anew afterwards: the tables begin empty. */
export class Tallies1763800000002 implements MigrationInterface {
  readonly name = 'Tallies1763800000002';
  async up(runner: QueryRunner): Promise<void> {
    for (const [kind, table] of Object.entries(secondKinds)) await runner.query(readTable(kind, table));
    await runner.query(shortPendingLists);
    await runner.query(tallyTables);
    await runner.query(agentColumns);
    await runner.query(identityTables);
    await runner.query(secondAppendBatch);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
