import 'reflect-metadata';
import { createLogger } from '@plumbline/telemetry';
import { AppModule } from './app.module.js';
import { BadConfig, Config, readConfig } from './config.js';
import { hearNodes } from './feed/spine.module.js';
import { createHttpApp } from './http.js';

/** Starts the API process. SIGTERM and SIGINT end it: no new requests, those under way are answered, then connections are closed. */
async function main(): Promise<void> {
  const config = configOrExit();
  const logger = createLogger({ name: 'plumb-api', level: config.logLevel });
  const app = await createHttpApp(AppModule.with(config, logger), logger);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
  const connectNodes = hearNodes(app, { url: config.natsUrl, login: config.natsLogin }, logger);
  await app.listen(config.listen);
  connectNodes();
  logger.info({ listen: await app.getUrl(), auth: config.auth, step: 'start' }, 'listening');
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

main().catch((error: unknown) => {
  process.stderr.write(`plumb api cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
