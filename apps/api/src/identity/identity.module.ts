/**
 * Who may ask: the gate, and behind it the way to log in that the operator chose (libs/identity has all of it; here is the wiring). Global; uses the
 * data source of CoreModule.
 */
import { DynamicModule, Global, Inject, Module, OnApplicationShutdown, OnModuleInit, Provider } from '@nestjs/common';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import { readTokenKey } from '@plumbline/identity';
import {
  ApplicationCredentials,
  type Authenticator,
  type BuiltinConfig,
  BuiltinIdentity,
  CREDENTIAL_ENTITIES,
  CredentialEntity,
  Directory,
  IdentityApi,
  KeystoneAuthenticator,
  type LoginConfig,
  openToAll,
  RevocationEntity,
  Revocations,
} from '@plumbline/identity/login';
import { Health, type Logger } from '@plumbline/telemetry';
import type { Config } from '../config.js';
import { CONFIG } from '../core.module.js';
import { Gate } from './gate.js';
import { IdentityController } from './identity.controller.js';

const MS_OF_HOUR = 3_600_000;
const AUTHENTICATOR = Symbol('Authenticator');

/** The built-in identity, with what has to be started and stopped. */
@Module({})
class BuiltinModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Revocations) private readonly revocations: Revocations,
    @Inject(BuiltinIdentity) private readonly identity: BuiltinIdentity,
    @Inject(Health) private readonly health: Health,
  ) {}

  static with(config: BuiltinConfig, logger: Logger): DynamicModule {
    const settings = { key: readTokenKey(config.tokenKeyFile), tokenMs: config.tokenHours * MS_OF_HOUR };
    return {
      module: BuiltinModule,
      imports: [TypeOrmModule.forFeature([...CREDENTIAL_ENTITIES])],
      providers: [
        { provide: Directory, useFactory: () => new Directory(config.identityFile, logger) },
        {
          provide: Revocations,
          inject: [getRepositoryToken(RevocationEntity)],
          useFactory: (rows: ConstructorParameters<typeof Revocations>[0]) => new Revocations(rows, logger),
        },
        {
          provide: ApplicationCredentials,
          inject: [getRepositoryToken(CredentialEntity)],
          useFactory: (rows: ConstructorParameters<typeof ApplicationCredentials>[0]) =>
            new ApplicationCredentials(rows),
        },
        {
          provide: BuiltinIdentity,
          inject: [Directory, Revocations, ApplicationCredentials],
          useFactory: (users: Directory, revoked: Revocations, credentials: ApplicationCredentials) =>
            new BuiltinIdentity(users, revoked, credentials, settings, logger),
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
    this.health.add('logins', () => ({ ok: true, ...this.identity.logins }));
    this.directory.start();
    await this.revocations.start();
  }

  onApplicationShutdown(): void {
    this.directory.stop();
    this.revocations.stop();
  }
}

function authenticatorFor(auth: LoginConfig, logger: Logger): Provider {
  if (auth.kind === 'builtin') return { provide: AUTHENTICATOR, useExisting: BuiltinIdentity };
  if (auth.kind === 'none') return { provide: AUTHENTICATOR, useValue: openToAll };
  return {
    provide: AUTHENTICATOR,
    inject: [Health],
    useFactory: (health: Health) => {
      const keystone = new KeystoneAuthenticator(auth, logger);
      health.add('logins', () => keystoneState(keystone));
      return keystone;
    },
  };
}

/** Told, not failed: an API that is taken out of service would not serve the tokens that it knows either. */
function keystoneState(keystone: KeystoneAuthenticator) {
  const { silentSince, ...counts } = keystone.state;
  const detail =
    silentSince === null
      ? 'Keystone answers'
      : `Keystone has not answered since ${new Date(silentSince).toISOString()}: tokens it confirmed lately are accepted`;
  return { ok: true, detail, ...counts };
}

@Global()
@Module({})
export class IdentityModule {
  static with({ auth }: Config, logger: Logger): DynamicModule {
    return {
      module: IdentityModule,
      imports: auth.kind === 'builtin' ? [BuiltinModule.with(auth, logger)] : [],
      providers: [
        authenticatorFor(auth, logger),
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
