/**
 * A Plumbline API with two nodes that report, as clients find it: an address, a `clouds.yaml`, and who they are there.
 *
 * Every journey runs in both ways to log in: `none`, where the client has only the address, and `builtin`, where it logs in with Identity v3.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiProcess } from '../api/api-process.js';
import { ObservedNode } from '../api/observed.js';

export type Login = 'none';
export const LOGINS: readonly Login[] = ['none'];

/** Debian's own interpreter: its client packages are of no use to another one on the PATH. */
export const PYTHON = '/usr/bin/python3';
/** Names in `clouds.yaml`. Without login both are the same nobody. */
export const ADMIN = 'plumbline';
export const MEMBER = 'plumbline-member';

const HOSTS = ['net1', 'net2'] as const;

export class Cloud {
  private constructor(
    readonly login: Login,
    readonly api: ApiProcess,
    readonly nodes: readonly ObservedNode[],
    private readonly dir: string,
  ) {}

  static async start(login: Login): Promise<Cloud> {
    const dir = await mkdtemp(join(tmpdir(), `plumb-clients-${process.pid}-`));
    const api = await ApiProcess.start();
    const nodes: ObservedNode[] = [];
    const cloud = new Cloud(login, api, nodes, dir);
    try {
      for (const [n, host] of HOSTS.entries()) nodes.push(await ObservedNode.start(api, host, `10.9.0.${n + 1}`));
      await writeFile(join(dir, 'clouds.yaml'), JSON.stringify(cloud.cloudsYaml(), null, 2));
      return cloud;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  /** What a client's process is given: nothing of the machine's own settings, and a home of its own. */
  get environment(): Readonly<Record<string, string>> {
    return { HOME: this.dir, OS_CLIENT_CONFIG_FILE: join(this.dir, 'clouds.yaml'), OS_CLOUD: ADMIN };
  }

  /** The same without `clouds.yaml`, in the variables of old. */
  get variables(): Readonly<Record<string, string>> {
    return { HOME: this.dir, OS_ENDPOINT: this.api.url };
  }

  /** JSON is YAML. */
  private cloudsYaml(): object {
    const { url } = this.api;
    const cloud = { auth_type: 'none', auth: { endpoint: url } };
    return { clouds: { [ADMIN]: cloud, [MEMBER]: cloud } };
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.api.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}
