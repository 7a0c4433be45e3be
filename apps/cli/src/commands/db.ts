/** `plumb db`: migrates the schema, checks the API's rights, and rebuilds what is derived from the log. */
import type { Command } from 'commander';
import { derivation, guardStatus, migrate, rebuildReadModels, type Rebuilt } from '@plumbline/event-store';
import { admissionText } from '../node/nodes-api.js';
import { databaseUrl, inWords } from './database-url.js';

export function addDatabaseCommands(program: Command): void {
  const db = program.command('db').description("the log's database");
  db.command('migrate')
    .description(
      'create or update the schema, and make again what an older release derived from the log; repeated, it changes nothing',
    )
    .requiredOption(
      '--database <url>',
      'login that owns the tables (migration role)',
      databaseUrl,
      process.env['DATABASE_MIGRATION_URL'],
    )
    .option(
      '--service-role <name>',
      'login of the API, given INSERT and SELECT on events and nothing that changes them',
    )
    .action(async (options: { database: string; serviceRole?: string }) => {
      const service = options.serviceRole === undefined ? {} : { serviceRole: options.serviceRole };
      const { remade, admitted } = await migrate(options.database, { ...service, derivation, progress: told() }).catch(
        inWords,
      );
      console.log('the schema is up to date');
      if (remade) console.log(`made again ${inNumbers(remade)}`);
      if (admitted.length > 0) {
        console.log('admitted the nodes of this log, once, as they are; look whether each shall do all of this:');
        for (const each of admitted) console.log(`  ${each.host}: ${admissionText(each)}`);
        console.log('"plumb node add <node> --role ... --map ..." changes it, "plumb node show" shows it');
      }
      if (options.serviceRole === undefined)
        console.error(
          'no --service-role: the API will log in as the owner of the tables, so nothing prevents it from changing or removing events',
        );
    });
  db.command('guard')
    .description("tells whether the API's login could change the log")
    .requiredOption('--database <url>', 'login of the API', databaseUrl, process.env['DATABASE_URL'])
    .action(async (options: { database: string }) => {
      const guard = await guardStatus(options.database).catch(inWords);
      console.log(JSON.stringify(guard));
    });
  db.command('rebuild')
    .description(
      'make streams, claims, counts and read models again from the log, beside those in use; the API goes on meanwhile',
    )
    .requiredOption(
      '--database <url>',
      'login that owns the tables (migration role)',
      databaseUrl,
      process.env['DATABASE_MIGRATION_URL'],
    )
    .action(async (options: { database: string }) => {
      console.log(
        inNumbers(await rebuildReadModels(options.database, derivation, { progress: told() }).catch(inWords)),
      );
    });
}

/** Says once a second how far a rebuild is; nothing of one that is shorter. */
function told(): (done: number, of: number) => void {
  let last = Date.now();
  return (done, of) => {
    if (Date.now() - last < 1_000) return;
    last = Date.now();
    console.error(`${done} of ${of} events folded (${Math.floor((100 * done) / of)} %)`);
  };
}

const inNumbers = ({ events, rows, claims, streams }: Rebuilt): string =>
  `from ${events} events: ${rows} rows, ${claims} claims, ${streams} streams`;
