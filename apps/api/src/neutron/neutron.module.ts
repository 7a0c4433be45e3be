/** The Networking API as a Nest module. What it stands on is given by whoever uses it. */
import { DynamicModule, Module } from '@nestjs/common';
import { Dispatcher } from './dispatcher.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';
import { NeutronController } from './neutron.controller.js';
import { ReadModel } from './read-model.js';

@Module({})
export class NeutronModule {
  /** `inject`: tokens of the providers that `useFactory` is called with, from modules that are global. */
  static registerAsync(from: {
    inject: readonly (string | symbol | (new (...args: never[]) => unknown))[];
    useFactory: (...provided: never[]) => NeutronOptions;
  }): DynamicModule {
    return {
      module: NeutronModule,
      controllers: [NeutronController],
      providers: [
        { provide: NEUTRON_OPTIONS, inject: [...from.inject], useFactory: from.useFactory },
        {
          provide: ReadModel,
          inject: [NEUTRON_OPTIONS],
          useFactory: ({ pool, lookups, commands }: NeutronOptions) =>
            new ReadModel(pool, lookups, (key) => commands.topology.byKey(key)),
        },
        {
          provide: Dispatcher,
          inject: [NEUTRON_OPTIONS, ReadModel],
          useFactory: (options: NeutronOptions, read: ReadModel) => new Dispatcher(options.commands, read, options),
        },
      ],
      exports: [ReadModel],
    };
  }
}
