/** The API process, put together. */
import { DynamicModule, Module } from '@nestjs/common';
import { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import type { Config } from './config.js';
import { CONFIG, CoreModule, LOOKUP_POOL, LIST_POOL } from './core.module.js';
import { Doctor } from './doctor/doctor.js';
import { DoctorModule } from './doctor/doctor.module.js';
import { HealthController } from './health.js';
import { Instances } from './instances/instances.js';
import { InstancesModule } from './instances/instances.module.js';
import { IdentityModule } from './identity/identity.module.js';
import { NETWORKING_API } from './neutron/catalogue.js';
import { NeutronModule } from './neutron/neutron.module.js';
import { Reasons } from './reasons/reasons.js';
import { TraceModule } from './trace/trace.module.js';
import { Traces } from './trace/traces.js';
import { NovaModule } from './nova/nova.module.js';

@Module({})
export class AppModule {
  static with(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CoreModule.with(config, logger),
        InstancesModule,
        DoctorModule,
        TraceModule,
        ...(config.nova ? [NovaModule.with(config.nova, config.databaseUrl, logger)] : []),
        IdentityModule.with(config, logger),
        NeutronModule.registerAsync(NETWORKING_API, {
          inject: [Ledger, Instances, Doctor, Reasons, Traces, LIST_POOL, LOOKUP_POOL, CONFIG],
          useFactory: (
            commands: Ledger,
            instances: Instances,
            doctor: Doctor,
            reasons: Reasons,
            traces: Traces,
            pool: pg.Pool,
            lookups: pg.Pool,
            config: Config,
          ) => ({
            commands,
            instances,
            doctor,
            reasons,
            traces,
            pool,
            lookups,
            segments: config.segments,
            quotas: config.quotas,
            dhcpAgentsPerNetwork: config.dhcpAgentsPerNetwork,
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
