import type { INestApplication } from '@nestjs/common';
import { createLogger, type Logger } from '@plumbline/telemetry';
import { AppModule } from './app.module.js';
import { BadConfig, Config, leftOver, readConfig } from './config.js';
import { hearNodes } from './feed/feed.module.js';
import { createHttpApp } from './http.js';

const END_WITHIN_MS = 10_000;

/** Starts the API process. SIGTERM and SIGINT end it: no new requests, those under way are answered, then connections are closed. */
export async function serve(): Promise<void> {
  const config = configOrExit();
  const logger = createLogger({ name: 'plumb-api', level: config.logLevel });
  for (const { setting, why } of leftOver(process.env))
    logger.warn({ setting, why, step: 'start' }, 'a setting that is left over changes nothing');
  const app = await createHttpApp(AppModule.with(config, logger), logger, config.requestSeconds * 1000);
  endOnSignal(app, logger);
  const connectNodes = hearNodes(app, config.nats, logger);
  await app.listen(config.listen);
  connectNodes();
  logger.info({ listen: await app.getUrl(), auth: config.auth.kind, step: 'start' }, 'listening');
}

/** A second signal, or requests that do not end in time, end the process at once. */
function endOnSignal(app: INestApplication, logger: Logger): void {
  let ending = false;
  const end = (signal: string): void => {
    if (ending) process.exit(1);
    ending = true;
    logger.info({ signal, step: 'stop' }, 'stopping');
    setTimeout(() => process.exit(1), END_WITHIN_MS).unref();
    app.close().then(
      () => process.exit(0),
      (err: unknown) => {
        logger.error({ err, step: 'stop' }, 'could not stop in good order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof BadConfig)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}
