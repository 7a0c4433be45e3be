/** `plumb db`: migrates the schema, checks the API's rights, and rebuilds what is derived from the log. */
import type { Command } from 'commander';
import { derivation, guardStatus, migrate, rebuildReadModels, type Rebuilt } from '@plumbline/event-store';
import { admissionText } from '../node/nodes-api.js';
import { inWords } from './database-url.js';
import { addDatabaseOptions, databaseSource, type DatabaseOptions } from './source.js';

export function addDatabaseCommands(program: Command): void {
  const db = program.command('db').description("the log's database");
  addDatabaseOptions(
    db
      .command('migrate')
      .description(
        'create or update the schema, and make again what an older release derived from the log; repeated, it changes nothing',
      ),
    'migration',
  )
    .option(
      '--service-role <name>',
      'login of the API, given INSERT and SELECT on events and nothing that changes them',
    )
    .action(async (options: DatabaseOptions & { serviceRole?: string }) => {
      const { url, serviceRole: known } = await databaseSource(options, 'migration');
      const serviceRole = options.serviceRole ?? known;
      const service = serviceRole === undefined ? {} : { serviceRole };
      const { remade, admitted } = await migrate(url, { ...service, derivation, progress: told() }).catch(inWords);
      console.log('the schema is up to date');
      if (remade) console.log(`made again ${inNumbers(remade)}`);
      if (admitted.length > 0) {
        console.log('admitted the nodes of this log, once, as they are; look whether each shall do all of this:');
        for (const each of admitted) console.log(`  ${each.host}: ${admissionText(each)}`);
        console.log('"plumb node add <node> --role ... --map ..." changes it, "plumb node show" shows it');
      }
      if (serviceRole === undefined)
        console.error(
          'no --service-role: the API will log in as the owner of the tables, so nothing prevents it from changing or removing events',
        );
    });
  addDatabaseOptions(
    db.command('guard').description("tells whether the API's login could change the log"),
    'service',
  ).action(async (options: DatabaseOptions) => {
    const guard = await guardStatus((await databaseSource(options, 'service')).url).catch(inWords);
    console.log(JSON.stringify(guard));
  });
  addDatabaseOptions(
    db
      .command('rebuild')
      .description(
        'make streams, claims, counts and read models again from the log, beside those in use; the API goes on meanwhile',
      ),
    'migration',
  ).action(async (options: DatabaseOptions) => {
    const { url } = await databaseSource(options, 'migration');
    console.log(inNumbers(await rebuildReadModels(url, derivation, { progress: told() }).catch(inWords)));
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
