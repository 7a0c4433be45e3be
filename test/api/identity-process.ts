/** The API with its built-in identity: users in a file that the spec owns, and tokens for them. Ends with `stop`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  addUser,
  cloudsYaml,
  emptyIdentityFile,
  ensureTokenKey,
  hashPassword,
  readIdentityFile,
  readTokenKey,
  RoleName,
  writeIdentityFile,
} from '@plumbline/identity';
import { Answer, ApiProcess } from './api-process.js';

export type TestUser = Readonly<{ name: string; project: string; role: RoleName }>;

/** Every user's password. */
export const passwordOf = (name: string): string => `${name}'s password`;

export class IdentityProcess {
  private constructor(
    readonly api: ApiProcess,
    private readonly folder: string,
  ) {}

  static async start(
    users: readonly TestUser[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<IdentityProcess> {
    const folder = mkdtempSync(join(tmpdir(), `plumb-identity-${process.pid}-`));
    const files = { identity: join(folder, 'identity.json'), key: join(folder, 'token.key') };
    writeIdentityFile(files.identity, emptyIdentityFile());
    for (const user of users) await addTo(files.identity, user);
    ensureTokenKey(files.key);
    const settings = { PLUMB_IDENTITY_FILE: files.identity, PLUMB_TOKEN_KEY_FILE: files.key, ...environment };
    const api = await ApiProcess.start({ PLUMB_AUTH: 'builtin', ...settings }).catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
    return new IdentityProcess(api, folder);
  }

  get identityFile(): string {
    return join(this.folder, 'identity.json');
  }
  /** The key that signs tokens. */
  get key(): Buffer {
    return readTokenKey(join(this.folder, 'token.key'));
  }

  /** Only while the API runs. */
  add(user: TestUser): Promise<void> {
    return addTo(this.identityFile, user);
  }

  /** `POST /v3/auth/tokens`. */
  logIn(identity: object, scope?: object | string, headers: Record<string, string> = {}): Promise<Answer> {
    const auth = { identity, ...(scope !== undefined && { scope }) };
    return this.api.call('POST', '/v3/auth/tokens', { auth }, headers);
  }

  /** A token for the user's project. */
  async token(name: string, project: string): Promise<string> {
    const answer = await this.logIn(byPassword(name), inProject(project));
    const token = answer.headers.get('x-subject-token');
    if (token === null) throw new Error(`${name} cannot log in: ${answer.status} ${JSON.stringify(answer.body)}`);
    return token;
  }

  /** Path of a clouds.yaml with one cloud a user, by the user's name. */
  cloudsFile(): string {
    const { users } = readIdentityFile(this.identityFile);
    const file = join(this.folder, 'clouds.yaml');
    const clouds = users.flatMap(({ name, roles }) =>
      roles.slice(0, 1).map(({ project }) => ({
        name,
        authUrl: `${this.api.url}/v3`,
        userName: name,
        projectName: project,
        password: passwordOf(name),
      })),
    );
    writeFileSync(file, cloudsYaml(clouds), { mode: 0o600 });
    return file;
  }

  async stop(): Promise<void> {
    await this.api.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function addTo(file: string, { name, project, role }: TestUser): Promise<void> {
  const passwordHash = await hashPassword(passwordOf(name));
  const now = new Date().toISOString();
  writeIdentityFile(file, addUser(readIdentityFile(file), { name, project, role, passwordHash, now }));
}

const domain = { id: 'default' };
export const byPassword = (name: string, password = passwordOf(name)): object => ({
  methods: ['password'],
  password: { user: { name, domain, password } },
});
export const byToken = (id: string): object => ({ methods: ['token'], token: { id } });
export const inProject = (name: string): object => ({ project: { name, domain: { name: 'Default' } } });
