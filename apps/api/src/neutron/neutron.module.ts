/** The Networking API as a Nest module. What it stands on is given by whoever uses it. */
import { DynamicModule, Module } from '@nestjs/common';
import type { SegmentPolicy } from '@plumbline/domain';
import type pg from 'pg';
import { Commands, Dispatcher } from './dispatcher.js';
import { NeutronController } from './neutron.controller.js';
import { ReadModel } from './read-model.js';

export type NeutronOptions = Readonly<{
  commands: Commands;
  pool: pg.Pool;
  segments: SegmentPolicy;
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
      ],
      exports: [ReadModel],
    };
  }
}
