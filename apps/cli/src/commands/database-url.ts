/** The option that names a database, and what goes wrong there in words. */
import { InvalidArgumentError } from 'commander';

/** For commander: the text itself. Without the check the driver takes any text for the path of a socket or a host's name. */
export const databaseUrl = (text: string): string => {
  if (!/^postgres(ql)?:\/\//.test(text))
    throw new InvalidArgumentError('a database is postgresql://user:password@host/database');
  return text;
};

/** Says what to look at: the driver's own words name an address or a table. */
export function inWords(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ENOENT')
    throw new Error(`no PostgreSQL answers there (${message}): is it running, and is --database right?`);
  if (code === '42501') throw new Error(`${message}: give the login that owns the tables (migration role)`);
  throw error;
}
