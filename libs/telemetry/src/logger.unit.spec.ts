import { describe, expect, it } from '@jest/globals';
import { createLogger, NestLogger, type LoggerOptions } from './index.js';

function logged(options: Partial<LoggerOptions>, use: (logger: ReturnType<typeof createLogger>) => void): unknown[] {
  const lines: string[] = [];
  use(createLogger({ name: 'l3-agent', destination: { write: (line) => void lines.push(line) }, ...options }));
  return lines.map((line) => JSON.parse(line) as unknown);
}

describe('createLogger', () => {
  it('writes one JSON object a line, the level as a word', () => {
    const [line] = logged({ fields: { host: 'net1' } }, (logger) => logger.info({ position: 7 }, 'step applied'));
    expect(line).toMatchObject({ name: 'l3-agent', host: 'net1', level: 'info', position: 7, msg: 'step applied' });
    expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/));
  });

  it('keeps below its level silent and masks secrets', () => {
    const lines = logged({ level: 'warn' }, (logger) => {
      logger.info('not this');
      logger.warn({ password: 'x', login: { token: 'y', user: 'z' } }, 'this');
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ password: '[Redacted]', login: { token: '[Redacted]', user: 'z' } });
  });

  it('refuses a level it does not know', () => {
    expect(() => createLogger({ name: 'x', level: 'loud' })).toThrow('"loud" is not one of trace, debug, info');
  });
});

describe('NestLogger', () => {
  it('turns what Nest passes into fields', () => {
    const lines = logged({ level: 'trace' }, (logger) => {
      const nest = new NestLogger(logger);
      nest.log('Starting Nest application...', 'NestFactory');
      nest.error('failed', 'Error: failed\n at x', 'ExceptionHandler');
      nest.warn(new Error('odd'), 'Router');
      nest.verbose({ a: 1 });
    });
    expect(lines).toMatchObject([
      { level: 'debug', msg: 'Starting Nest application...', context: 'NestFactory' },
      { level: 'error', msg: 'failed', context: 'ExceptionHandler', stack: 'Error: failed\n at x' },
      { level: 'warn', msg: 'odd', context: 'Router', err: { message: 'odd' } },
      { level: 'trace', detail: { a: 1 } },
    ]);
  });
});
