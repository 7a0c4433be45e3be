/** The API process, put together. */
import { DynamicModule, Module } from '@nestjs/common';
import { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import type { Config } from './config.js';
import { CONFIG, CoreModule, LOOKUP_POOL, LIST_POOL } from './core.module.js';
import { HealthController } from './health.js';
import { IdentityModule } from './identity/identity.module.js';
import { NETWORKING_API } from './neutron/catalogue.js';
import { NeutronModule } from './neutron/neutron.module.js';

@Module({})
export class AppModule {
  static with(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CoreModule.with(config, logger),
        IdentityModule.with(config, logger),
        NeutronModule.registerAsync(NETWORKING_API, {
          inject: [Ledger, LIST_POOL, LOOKUP_POOL, CONFIG],
          useFactory: (commands: Ledger, pool: pg.Pool, lookups: pg.Pool, config: Config) => ({
            commands,
            pool,
            lookups,
            segments: config.segments,
            quotas: config.quotas,
            dnsDomain: config.dnsDomain,
            listLimit: config.listLimit,
            turns: {
              connections: config.connections.lists,
              perProject: config.listsPerProject,
              patienceMs: config.listSeconds * 1000,
            },
            publicUrl: config.publicUrl,
          }),
        }),
      ],
      controllers: [HealthController],
    };
  }
}
