/** The option that names a database, and error messages for what goes wrong with it. */
import { InvalidArgumentError } from 'commander';

/** For commander: checks the text and returns it. Without the check the driver would take any text for a socket's path or a host name. */
export const databaseUrl = (text: string): string => {
  if (!/^postgres(ql)?:\/\//.test(text))
    throw new InvalidArgumentError('must be postgresql://user:password@host/database');
  return text;
};

/** Throws an error that says what to check; the driver's own message only names an address or a table. */
export function inWords(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ENOENT')
    throw new Error(`no PostgreSQL answers there (${message}): is it running, and is --database right?`);
  if (code === '42501') throw new Error(`${message}: give the login that owns the tables (migration role)`);
  throw error;
}
