import { afterAll, beforeAll } from '@jest/globals';
import pg from 'pg';
import { eventStoreContract } from '../testing/contract.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { embeddedServiceRole } from './embedded.js';
import { migrate } from './migrate.js';
import { PostgresEventStore } from './postgres-event-store.js';

let postgres: TestPostgres | undefined;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

eventStoreContract('PostgresEventStore', async () => {
  if (!postgres) throw new Error('no PostgreSQL');
  const owner = new pg.Client({ connectionString: postgres.migrationUrl });
  await owner.connect();
  await owner.query('DROP SCHEMA plumbline CASCADE');
  await owner.end();
  await migrate(postgres.migrationUrl, { serviceRole: embeddedServiceRole });
  return new PostgresEventStore(postgres.serviceUrl);
});
