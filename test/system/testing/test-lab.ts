/**
 * A lab for one spec: made as a user makes it (`plumb lab up`), with a name and a folder of its own, and removed at the end of the spec.
 *
 * The spec acts through the API, inspects nodes by commands inside them, and sends signals to processes of this lab only.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AGENTS, type AgentKind } from '@plumbline/contracts';
import { run, type RunOptions, type RunResult } from '@plumbline/exec';
import {
  ApiClient,
  argvAt,
  defaultNodes,
  ensureUnit,
  insideInstance,
  isRunning,
  labSpec,
  layout,
  loginsOf,
  plugInstance,
  readLabState,
  readRunning,
  runningPlace,
  signal,
  Unit,
  silent,
  takeAddress,
  up,
  type InstanceState,
  type LabSpec,
  type LabState,
  type NodeSpec,
  type RunningUnit,
} from '@plumbline/lab';

/** Timeout for `up` in a spec's `beforeAll`. */
export const upTimeoutMs = 120_000;
const convergeTimeoutMs = 20_000;
const pollMs = 20;

const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** The lab's default nodes, of which cmp1 runs all that net1 runs. */
export const twoNetworkNodes: readonly NodeSpec[] = defaultNodes.map((node, _, [everything]) =>
  node.host === 'cmp1'
    ? { ...node, ...everything, host: node.host, managementIp: node.managementIp, tunnelIp: node.tunnelIp }
    : node,
);

/** An object of the API as it came over the wire. */
export type Resource = Readonly<Record<string, unknown>> & Readonly<{ id: string }>;
export type Answer = Readonly<{ status: number; body: Readonly<Record<string, unknown>> | null }>;

/** An answer; no route, nobody, none in time, one that was cut off (curl(1), EXIT CODES). */
const CURL_CODES = [0, 7, 18, 28, 52, 55, 56];

export class TestLab {
  readonly client: ApiClient;
  /** Instances that the spec plugged in. */
  private readonly plugged = new Map<string, InstanceState>();

  private constructor(
    readonly spec: LabSpec,
    private readonly folder: string,
  ) {
    this.client = new ApiClient(this.apiUrl, loginsOf(this.state)[0]);
  }

  /** Makes the lab; `letter` tells the labs of different specs apart. Takes some ten seconds; with `guests`, as many more. When it fails nothing is left. */
  static async up(
    letter: string,
    nodes?: readonly NodeSpec[],
    { guests = false }: Readonly<{ guests?: boolean }> = {},
  ): Promise<TestLab> {
    const folder = mkdtempSync(path.join(tmpdir(), 'plumb-lab-'));
    const name = `${letter}${process.pid}`;
    const spec = labSpec({ projectDir, name, stateDir: path.join(folder, 'state'), ...(nodes && { nodes }) });
    try {
      // The command makes the usual nodes only.
      if (nodes) await up(spec, silent, { guests });
      else if (guests)
        await plumb(spec, ['lab', '--name', spec.name, 'up', '--guests'], { timeoutMs: 2 * upTimeoutMs });
      else await plumb(spec, ['lab', '--name', spec.name, 'up']);
      return new TestLab(spec, folder);
    } catch (error) {
      await remove(spec, folder);
      throw error;
    }
  }

  down(): Promise<void> {
    return remove(this.spec, this.folder);
  }

  /** Runs `plumb <args>` on the host, for this lab. */
  plumb(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return plumb(this.spec, args, options);
  }

  get state(): LabState {
    const state = readLabState(this.spec.stateDir);
    if (state === null) throw new Error(`no lab in ${this.spec.stateDir}`);
    return state;
  }

  get apiUrl(): string {
    const { apiUrl } = this.state;
    if (apiUrl === null) throw new Error('the lab has no API');
    return apiUrl;
  }

  instance(name: string): InstanceState {
    const found = this.plugged.get(name) ?? this.state.instances.find((each) => each.name === name);
    if (found === undefined) throw new Error(`the lab has no instance ${name}`);
    return found;
  }

  /** argv of a command at a place: a node, an instance, `outside`, `mgmt`. */
  argvAt(where: string, argv: readonly string[]): string[] {
    const instance = this.plugged.get(where);
    return instance
      ? [...insideInstance(runningPlace(this.spec, instance.host), instance), ...argv]
      : argvAt(this.spec, this.state, where, argv);
  }

  at(where: string, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(this.argvAt(where, argv), { timeoutMs: 30_000, ...options });
  }

  /** Standard output of a command at a place. */
  async text(where: string, argv: readonly string[]): Promise<string> {
    return (await this.at(where, argv)).stdout;
  }

  /** Sends one request as administrator; resolves with the API's answer, whatever its status. */
  async request(method: string, url: string, body?: unknown): Promise<Answer> {
    const response = await this.client.send(method, url, body);
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as Answer['body']) };
  }

  private async must(method: string, url: string, body?: unknown): Promise<Answer> {
    const answer = await this.request(method, url, body);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /** The group of the lab's own guests: ICMP, TCP and UDP from everywhere. */
  async guestGroup(): Promise<string> {
    const { body } = await this.must('GET', '/v2.0/security-groups?name=lab-guests');
    const [group] = (body?.['security_groups'] ?? []) as readonly Resource[];
    if (!group) throw new Error('the lab has no group lab-guests');
    return group.id;
  }

  /** `member` in the singular: `floatingip`, `security_group`. */
  async create(member: string, attributes: Record<string, unknown>): Promise<Resource> {
    const { body } = await this.must('POST', pathOf(member), { [member]: attributes });
    return body?.[member] as Resource;
  }
  async update(member: string, id: string, attributes: Record<string, unknown>): Promise<Resource> {
    const { body } = await this.must('PUT', `${pathOf(member)}/${id}`, { [member]: attributes });
    return body?.[member] as Resource;
  }
  async get(member: string, id: string): Promise<Resource> {
    return (await this.must('GET', `${pathOf(member)}/${id}`)).body?.[member] as Resource;
  }
  async list(collection: string, query = ''): Promise<readonly Resource[]> {
    return (await this.must('GET', `/v2.0/${collection}${query}`)).body?.[collection] as readonly Resource[];
  }
  async delete(member: string, id: string): Promise<void> {
    await this.must('DELETE', `${pathOf(member)}/${id}`);
  }

  /** Resolves with how long it took. */
  async becomes(member: string, id: string, status: string, timeoutMs = convergeTimeoutMs): Promise<number> {
    const start = performance.now();
    let last: unknown;
    await until(
      async () => (last = (await this.get(member, id))['status']) === status,
      () => `${member} ${id} is ${String(last)} and does not become ${status}`,
      timeoutMs,
    );
    return performance.now() - start;
  }

  /** The one object of the lab's journey with this name. */
  async named(collection: string, name: string): Promise<Resource> {
    const [found] = await this.list(collection, `?name=${name}`);
    if (found === undefined) throw new Error(`no ${name} in ${collection}`);
    return found;
  }

  /** Makes a floating IP on this instance's port. Does not wait until it is ACTIVE. */
  async floatingIp(instance: InstanceState | null): Promise<Resource> {
    const network = await this.named('networks', 'public');
    return this.create('floatingip', {
      floating_network_id: network.id,
      ...(instance === null ? {} : { port_id: instance.portId }),
    });
  }

  /** Has `at`, `instance` and streams know an instance that the spec plugged in itself, or moved. */
  know(instance: InstanceState): void {
    this.plugged.set(instance.name, instance);
  }

  /** Plugs in a further instance, which then has its address. The lab's state does not list it. */
  async plug(instance: InstanceState): Promise<void> {
    this.know(instance);
    const place = runningPlace(this.spec, instance.host);
    await plugInstance(this.spec, this.state.labId, place, instance);
    if (instance.byDhcp) await takeAddress(this.spec, this.state.labId, place, instance);
  }

  /** An instance on a network that the spec made, plugged and ACTIVE. `guest`: a virtual machine, which asks for its address by itself. */
  async newInstance(
    name: string,
    host: string,
    network: Resource,
    where: Readonly<{ ip?: string; prefix: number; gateway: string; guest?: boolean }>,
  ): Promise<InstanceState> {
    const port = await this.create('port', {
      security_groups: [await this.guestGroup()],
      name,
      network_id: network.id,
      device_owner: 'compute:nova',
      device_id: name,
      'binding:host_id': host,
      ...(where.ip === undefined ? {} : { fixed_ips: [{ ip_address: where.ip }] }),
    });
    const [fixed] = port['fixed_ips'] as readonly { ip_address: string }[];
    const instance: InstanceState = {
      name,
      host,
      portId: port.id,
      mac: String(port['mac_address']),
      ip: fixed?.ip_address ?? '',
      prefix: where.prefix,
      gateway: where.gateway,
      mtuBytes: Number(network['mtu']),
      hybrid: (port['binding:vif_details'] as { ovs_hybrid_plug?: boolean }).ovs_hybrid_plug === true,
      ...(where.guest === true && { guest: true, byDhcp: true }),
    };
    await this.plug(instance);
    await this.becomes('port', port.id, 'ACTIVE');
    return instance;
  }

  /** Runs a command in an instance that `plug` made. */
  inside(instance: InstanceState, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.at(instance.host, ['ip', 'netns', 'exec', instance.name, ...argv], options);
  }

  unit(name: string): RunningUnit {
    const running = readRunning(this.spec.stateDir, name);
    if (running === null) throw new Error(`no unit ${name} in this lab`);
    return running;
  }

  /** Sends SIGKILL to a unit's process; resolves when the supervisor has restarted it. */
  async kill(name: string): Promise<void> {
    const victim = this.unit(name);
    if (!signal(victim, 'SIGKILL')) throw new Error(`${name} was not running`);
    await until(
      () => {
        const now = this.unit(name);
        return now.pid !== victim.pid && now.phase === 'running' && isRunning(now);
      },
      () => `${name} was not started again`,
    );
  }

  /** The unit's file as it is now. */
  wanted(name: string): Unit {
    return Unit.parse(JSON.parse(readFileSync(layout(this.spec.stateDir).unit(name), 'utf8')));
  }

  /** Has the supervisor restart the unit with a changed environment. Resolves with a function that undoes it. */
  async withEnvironment(name: string, env: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
    const before = this.wanted(name);
    await ensureUnit(this.spec.stateDir, { ...before, env: { ...before.env, ...env } });
    return async () => void (await ensureUnit(this.spec.stateDir, before));
  }

  /** Everything the unit has logged since it first started. */
  logOf(name: string): string {
    return readFileSync(layout(this.spec.stateDir).log(name), 'utf8');
  }

  /** The agent's answer to `GET /health`; empty: it gives none. */
  async health(host: string, agent: AgentKind): Promise<string> {
    const { healthPort } = AGENTS[agent];
    return (await this.fetched(host, `127.0.0.1:${healthPort}/health`)) ?? '';
  }

  /** What is at this URL, from a place; null: no whole answer within two seconds. By curl(1): it begins in a fraction of the time of Node.js. */
  private async fetched(from: string, url: string): Promise<string | null> {
    const argv = ['curl', '--silent', '--globoff', '--noproxy', '*', '--max-time', '2', `http://${url}`];
    const { stdout, code } = await this.at(from, argv, { okCodes: CURL_CODES });
    return code === 0 ? stdout : null;
  }

  /** True when all of `count` pings are answered. */
  async pings(from: string, address: string, count = 3): Promise<boolean> {
    const argv = ['ping', '-n', '-q', '-c', String(count), '-i', '0.05', '-W', '2', address];
    const { stdout } = await this.at(from, argv, { okCodes: [0, 1, 2] });
    return stdout.includes(' 0% packet loss');
  }

  /** What the web server at this address greets with over TCP, `<who> greets <whom it sees>`; null: no answer within two seconds. */
  async greeting(from: string, address: string): Promise<string | null> {
    return (await this.fetched(from, `${address}/`))?.trim() ?? null;
  }

  /** Waits until `who` answers there; resolves with how long it took. */
  async answers(from: string, address: string, who: string, timeoutMs?: number): Promise<number> {
    const start = performance.now();
    let last: string | null = null;
    await until(
      async () => (last = await this.greeting(from, address))?.startsWith(`${who} `) ?? false,
      () => `${who} does not answer ${from} at ${address} (${last ?? 'nobody'} does)`,
      timeoutMs,
    );
    return performance.now() - start;
  }
}

const pathOf = (member: string): string => `/v2.0/${member.replaceAll('_', '-')}s`;

async function remove(spec: LabSpec, folder: string): Promise<void> {
  await plumb(spec, ['lab', '--name', spec.name, 'down']);
  rmSync(folder, { recursive: true, force: true });
}

function plumb(spec: LabSpec, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const main = path.join(projectDir, 'apps/cli/dist/main.js');
  const env = { PLUMB_STATE: spec.stateDir, ...options.env };
  return run([process.execPath, main, ...args], { timeoutMs: upTimeoutMs, ...options, env });
}

/** Waits for a condition; throws the complaint when it does not come true in time. A check that throws counts as not yet true. */
export async function until(
  check: () => boolean | Promise<boolean>,
  complaint: () => string,
  timeoutMs = convergeTimeoutMs,
): Promise<void> {
  let trouble = '';
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(pollMs)) {
    try {
      if (await check()) return;
      trouble = '';
    } catch (error) {
      trouble = `: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  throw new Error(`${complaint()} (waited ${timeoutMs / 1000} s)${trouble}`);
}
