import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

/** A structured logger: `logger.info({ position, stream }, 'constant message')`. */
export type Logger = PinoLogger;

/** What a program may set about its log. */
export interface LoggerOptions {
  /** The program or part that logs; the field `name` of each line. */
  readonly name: string;
  /** trace, debug, info, warn, error, fatal or silent. Default: info. Anything else is refused with the list. */
  readonly level?: string | undefined;
  /** Fields of every line, such as the host. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Where lines go. Default: standard output. */
  readonly destination?: DestinationStream;
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * One JSON object per line, the level as a word, the time as an ISO string. Errors go in the field `err`. Fields named
 * password, secret, token or authorization, at the top or one below, are masked.
 */
export function createLogger(options: LoggerOptions): Logger {
  const level = options.level ?? 'info';
  if (!levels.includes(level))
    throw new TypeError(`log level ${JSON.stringify(level)} is not one of ${levels.join(', ')}`);
  const secrets = ['password', 'secret', 'token', 'authorization'];
  return pino(
    {
      name: options.name,
      level,
      base: { name: options.name, pid: process.pid, ...options.fields },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: secrets.flatMap((field) => [field, `*.${field}`]),
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
}
