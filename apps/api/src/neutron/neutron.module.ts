/** The Networking API as a Nest module. What it needs, and what it serves under which prefix, is given by whoever uses it. */
import { DynamicModule, Inject, Injectable, Module, OnApplicationBootstrap } from '@nestjs/common';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import { adoptFlags, SYSTEM } from '@plumbline/domain';
import { AgentEntity } from '@plumbline/event-store';
import { randomUUID } from 'node:crypto';
import { DiscoveryController } from './discovery.controller.js';
import { Idempotency } from '../idempotency.js';
import { Dispatcher } from './dispatcher.js';
import type { Tools } from './endpoint.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';
import { networkingController } from './networking.controller.js';
import { ReadModel } from './read-model.js';
import type { Api } from './route.js';
import { PRESENT } from './tables.js';
import { Turns } from './turns.js';

/** Before the first request: what an older log says in other words is made what this release says. Once, and nothing when there is nothing to do. */
@Injectable()
class Adoption implements OnApplicationBootstrap {
  constructor(@Inject(NEUTRON_OPTIONS) private readonly options: Pick<NeutronOptions, 'commands'>) {}

  async onApplicationBootstrap(): Promise<void> {
    const meta = { requestId: `req-${randomUUID()}`, userId: '', projectId: '', time: new Date().toISOString() };
    while ((await this.options.commands.execute(adoptFlags, meta, SYSTEM)).result);
  }
}

@Module({})
export class NeutronModule {
  /** `inject`: tokens of the providers that `useFactory` is called with, from modules that are global. */
  static registerAsync(
    api: Api,
    from: {
      inject: readonly (string | symbol | (new (...args: never[]) => unknown))[];
      useFactory: (...provided: never[]) => Omit<NeutronOptions, 'api'>;
    },
  ): DynamicModule {
    return {
      module: NeutronModule,
      imports: [TypeOrmModule.forFeature([AgentEntity])],
      controllers: [DiscoveryController, networkingController(api.prefix)],
      providers: [
        {
          provide: NEUTRON_OPTIONS,
          inject: [...from.inject],
          useFactory: (...provided: never[]): NeutronOptions => ({ ...from.useFactory(...provided), api }),
        },
        {
          provide: Turns,
          inject: [NEUTRON_OPTIONS],
          useFactory: ({ turns }: NeutronOptions) => new Turns(turns),
        },
        {
          provide: ReadModel,
          inject: [NEUTRON_OPTIONS, Turns],
          useFactory: ({ pool, lookups, commands }: NeutronOptions, turns: Turns) =>
            new ReadModel(pool, lookups, turns, (key) => commands.topology.byKey(key), PRESENT),
        },
        {
          provide: Dispatcher,
          inject: [NEUTRON_OPTIONS, ReadModel, getRepositoryToken(AgentEntity)],
          useFactory: (options: NeutronOptions, read: ReadModel, agents: Tools['agents']) => {
            const { instances, doctor, reasons, traces } = options;
            return new Dispatcher(
              api,
              options.commands,
              read,
              { agents, instances, doctor, reasons, traces },
              options,
              new Idempotency(options.lookups),
            );
          },
        },
        Adoption,
      ],
      exports: [ReadModel],
    };
  }
}
