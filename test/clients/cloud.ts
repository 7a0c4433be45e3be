/**
 * A Plumbline API with two nodes that report, and what clients need to use it: an address, a `clouds.yaml`, and users.
 *
 * Every journey runs in both ways to log in: `none`, where the client has only the address, and `builtin`, where it logs in with Identity v3.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiProcess } from '../api/api-process.js';
import { IdentityProcess, passwordOf } from '../api/identity-process.js';
import { ObservedNode } from '../api/observed.js';

export type Login = 'none' | 'builtin';
export const LOGINS: readonly Login[] = ['none', 'builtin'];

/** Debian's own interpreter: another one on the PATH could not import Debian's client packages. */
export const PYTHON = '/usr/bin/python3';
/** Users with a login, and their names in `clouds.yaml`; `lab` is the member's project. */
export const ADMIN = 'plumbline';
export const MEMBER = 'plumbline-member';
const USERS = [
  { name: ADMIN, project: 'admin', role: 'admin' },
  { name: MEMBER, project: 'lab', role: 'member' },
] as const;

const HOSTS = ['net1', 'net2'] as const;

type Api = Readonly<{ api: ApiProcess; cloudsFile: string; stop: () => Promise<void> }>;

export class Cloud {
  private constructor(
    readonly login: Login,
    private readonly served: Api,
    private readonly nodes: ObservedNode[],
    private readonly home: string,
  ) {}

  static async start(login: Login): Promise<Cloud> {
    const home = await mkdtemp(join(tmpdir(), `plumb-clients-${process.pid}-`));
    const served = login === 'builtin' ? await withUsers() : await withoutLogin(home);
    const cloud = new Cloud(login, served, [], home);
    try {
      for (const [n, host] of HOSTS.entries())
        cloud.nodes.push(await ObservedNode.start(cloud.api, host, `10.9.0.${n + 1}`));
      for (const node of cloud.nodes) {
        node.keepAlive();
        node.makeRouters();
      }
      return cloud;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  get api(): ApiProcess {
    return this.served.api;
  }

  /** Environment of a client's process: none of the machine's own settings, and a home of its own. */
  get environment(): Readonly<Record<string, string>> {
    return { HOME: this.home, OS_CLIENT_CONFIG_FILE: this.served.cloudsFile, OS_CLOUD: ADMIN };
  }

  /** The same without `clouds.yaml`, in the variables that libraries without it read. */
  get variables(): Readonly<Record<string, string>> {
    if (this.login === 'none') return { HOME: this.home, OS_ENDPOINT: this.api.url };
    return {
      HOME: this.home,
      OS_AUTH_URL: `${this.api.url}/v3`,
      OS_USERNAME: ADMIN,
      OS_PASSWORD: passwordOf(ADMIN),
      OS_PROJECT_NAME: 'admin',
      OS_DOMAIN_NAME: 'Default',
      OS_REGION_NAME: 'RegionOne',
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.served.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

async function withoutLogin(home: string): Promise<Api> {
  const api = await ApiProcess.start();
  const cloudsFile = join(home, 'clouds.yaml');
  const cloud = { auth_type: 'none', auth: { endpoint: api.url } };
  // JSON is YAML.
  await writeFile(cloudsFile, JSON.stringify({ clouds: { [ADMIN]: cloud } }, null, 2));
  return { api, cloudsFile, stop: () => api.stop() };
}

async function withUsers(): Promise<Api> {
  const identity = await IdentityProcess.start(USERS);
  return { api: identity.api, cloudsFile: identity.cloudsFile(), stop: () => identity.stop() };
}
