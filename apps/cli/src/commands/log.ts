/** `plumb log verify`: checks that nobody changed the log after it was written. */
import { InvalidArgumentError, type Command } from 'commander';
import { PostgresEventStore, type Head } from '@plumbline/event-store';
import { addDatabaseOptions, databaseSource, type DatabaseOptions } from './source.js';

export function addLogCommands(program: Command): void {
  const log = program.command('log').description('the log itself');
  addDatabaseOptions(
    log
      .command('verify')
      .description("check the log's chain of hashes, from its first event or from a hash that was kept elsewhere")
      .usage('[--database <url>] [--from <position> <hash>]')
      .argument('[hash]', 'the hash at that position, as in a snapshot of a node', chainHash),
    'service',
  )
    .option('--from <position>', 'where to begin; the hash follows', position)
    .action(async (hash: string | undefined, options: DatabaseOptions & { from?: number }) => {
      if ((hash === undefined) !== (options.from === undefined))
        throw new Error('a position and its hash go together: --from <position> <hash>');
      const from = hash === undefined || options.from === undefined ? undefined : { position: options.from, hash };
      console.log(await verified((await databaseSource(options, 'service')).url, from));
    });
}

async function verified(database: string, from: Head | undefined): Promise<string> {
  const store = new PostgresEventStore(database);
  try {
    const verdict = await store.verify(from);
    if (!verdict.ok) throw new Error(`the log differs at position ${verdict.position}: ${verdict.reason}`);
    return `the chain holds up to position ${verdict.head.position}, hash ${verdict.head.hash}`;
  } finally {
    await store.close();
  }
}

function position(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a position is a whole number, 0 or more');
  return Number(text);
}

function chainHash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('a hash is 64 hexadecimal digits');
  return text;
}
