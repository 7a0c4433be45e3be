/** The Networking API as a Nest module. What it stands on is given by whoever uses it. */
import { DynamicModule, Module } from '@nestjs/common';
import type { SegmentPolicy } from '@plumbline/domain';
import type { Logger } from '@plumbline/telemetry';
import type { Topology } from '@plumbline/topology';
import type pg from 'pg';
import { Commands, Dispatcher } from './dispatcher.js';
import { NeutronController } from './neutron.controller.js';
import { ReadModel } from './read-model.js';
import { RouterScheduler } from './router-scheduler.js';

export type NeutronOptions = Readonly<{
  commands: Commands & { readonly topology: Topology };
  pool: pg.Pool;
  segments: SegmentPolicy;
  logger: Logger;
}>;

@Module({})
export class NeutronModule {
  /** `inject`: tokens of the providers that `useFactory` is called with, from modules that are global. */
  static registerAsync(from: {
    inject: readonly (string | symbol | (new (...args: never[]) => unknown))[];
    useFactory: (...provided: never[]) => NeutronOptions;
  }): DynamicModule {
    const options = Symbol('NeutronOptions');
    return {
      module: NeutronModule,
      controllers: [NeutronController],
      providers: [
        { provide: options, inject: [...from.inject], useFactory: from.useFactory },
        { provide: ReadModel, inject: [options], useFactory: ({ pool }: NeutronOptions) => new ReadModel(pool) },
        {
          provide: Dispatcher,
          inject: [options, ReadModel],
          useFactory: ({ commands, segments }: NeutronOptions, read: ReadModel) =>
            new Dispatcher(commands, read, segments),
        },
        {
          provide: RouterScheduler,
          inject: [options, ReadModel],
          useFactory: ({ commands, logger }: NeutronOptions, read: ReadModel) =>
            new RouterScheduler(commands, read, logger),
        },
      ],
      exports: [ReadModel],
    };
  }
}
