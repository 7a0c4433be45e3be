export { Health, type Check, type CheckResult, type HealthReport } from './health.js';
export { serveHealth, type HealthServer, type HealthServerOptions } from './health-server.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export { Metrics, METRICS_TYPE, type Metric } from './metrics.js';
export { NestLogger } from './nest-logger.js';
