/** The API process, put together. */
import { DynamicModule, Module } from '@nestjs/common';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import { Ledger } from './commands/ledger.js';
import type { Config } from './config.js';
import { CONFIG, CoreModule, READ_POOL } from './core.module.js';
import { HealthController } from './health.js';
import { NeutronModule } from './neutron/neutron.module.js';

@Module({})
export class AppModule {
  static with(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CoreModule.with(config, logger),
        NeutronModule.registerAsync({
          inject: [Ledger, READ_POOL, CONFIG],
          useFactory: (commands: Ledger, pool: pg.Pool, { segments }: Config) => ({ commands, pool, segments }),
        }),
      ],
      controllers: [HealthController],
    };
  }
}
