/** Who may ask: the gate, and behind it the way to log in that the operator chose. Global; stands on CoreModule's pool. */
import { DynamicModule, Global, Inject, Module, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { readTokenKey } from '@plumbline/identity';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import type { Config } from '../config.js';
import { CONFIG, READ_POOL } from '../core.module.js';
import { ApplicationCredentials } from '../identity/application-credentials.js';
import { BuiltinIdentity } from '../identity/builtin-identity.js';
import { Directory } from '../identity/directory.js';
import { IdentityApi } from '../identity/identity-api.js';
import { IdentityController } from '../identity/identity.controller.js';
import { Revocations } from '../identity/revocations.js';
import type { BuiltinConfig } from './auth-config.js';
import type { Authenticator } from './caller.js';
import { Gate } from './gate.js';
import { KeystoneAuthenticator } from './keystone.js';
import { openToAll } from './none.js';

const MS_OF_HOUR = 3_600_000;
const AUTHENTICATOR = Symbol('Authenticator');

/** The built-in identity, with what has to be started and stopped. */
@Module({})
class BuiltinModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Revocations) private readonly revocations: Revocations,
  ) {}

  static with(config: BuiltinConfig, logger: Logger): DynamicModule {
    const settings = { key: readTokenKey(config.tokenKeyFile), tokenMs: config.tokenHours * MS_OF_HOUR };
    return {
      module: BuiltinModule,
      providers: [
        { provide: Directory, useFactory: () => new Directory(config.identityFile, logger) },
        { provide: Revocations, inject: [READ_POOL], useFactory: (pool: pg.Pool) => new Revocations(pool, logger) },
        {
          provide: ApplicationCredentials,
          inject: [READ_POOL],
          useFactory: (pool: pg.Pool) => new ApplicationCredentials(pool),
        },
        {
          provide: BuiltinIdentity,
          inject: [Directory, Revocations, ApplicationCredentials],
          useFactory: (users: Directory, revoked: Revocations, credentials: ApplicationCredentials) =>
            new BuiltinIdentity(users, revoked, credentials, settings),
        },
        {
          provide: IdentityApi,
          inject: [BuiltinIdentity, Directory, ApplicationCredentials],
          useFactory: (identity: BuiltinIdentity, users: Directory, credentials: ApplicationCredentials) =>
            new IdentityApi(identity, users, credentials),
        },
      ],
      controllers: [IdentityController],
      exports: [BuiltinIdentity],
    };
  }

  async onModuleInit(): Promise<void> {
    this.directory.start();
    await this.revocations.start();
  }

  onApplicationShutdown(): void {
    this.directory.stop();
    this.revocations.stop();
  }
}

@Global()
@Module({})
export class AuthModule {
  static with({ auth }: Config, logger: Logger): DynamicModule {
    return {
      module: AuthModule,
      imports: auth.kind === 'builtin' ? [BuiltinModule.with(auth, logger)] : [],
      providers: [
        auth.kind === 'builtin'
          ? { provide: AUTHENTICATOR, useExisting: BuiltinIdentity }
          : { provide: AUTHENTICATOR, useValue: auth.kind === 'none' ? openToAll : new KeystoneAuthenticator(auth) },
        {
          provide: Gate,
          inject: [CONFIG, AUTHENTICATOR],
          useFactory: (config: Config, authenticator: Authenticator) => new Gate(config, authenticator),
        },
      ],
      exports: [Gate],
    };
  }
}
