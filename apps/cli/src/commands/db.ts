/** `plumb db migrate`: brings the database's schema to this version and gives the service login its rights, and no more. */
import type { Command } from 'commander';
import { guardStatus, migrate } from '@plumbline/event-store';

export function addDatabaseCommands(program: Command): void {
  const db = program.command('db').description("the log's database");
  db.command('migrate')
    .description('create or update the schema; repeated, it changes nothing')
    .requiredOption(
      '--database <url>',
      'login that owns the tables (migration role)',
      process.env['DATABASE_MIGRATION_URL'],
    )
    .option(
      '--service-role <name>',
      'login of the API, given INSERT and SELECT on events and nothing that changes them',
    )
    .action(async (options: { database: string; serviceRole?: string }) => {
      await migrate(options.database, options.serviceRole === undefined ? {} : { serviceRole: options.serviceRole });
      console.log('the schema is up to date');
      if (options.serviceRole === undefined)
        console.error(
          'no --service-role: the API will log in as the owner of the tables, and the log is guarded by nothing but good manners',
        );
    });
  db.command('guard')
    .description("tells whether the API's login could change the log")
    .requiredOption('--database <url>', 'login of the API', process.env['DATABASE_URL'])
    .action(async (options: { database: string }) => {
      const guard = await guardStatus(options.database);
      console.log(JSON.stringify(guard));
    });
}
