/** The proxy's port on a real node: namespaces are looked at through the node's own /run, the proxy by libs/processes and at its stats socket. */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runner } from '@plumbline/exec';
import {
  digestIn,
  PROXY,
  PROXY_FILE,
  proxyLog,
  statsSocket,
  type MetadataDriver,
  type MetadataFound,
  type MetadataStep,
  type ProxyTerms,
} from '@plumbline/metadata-core';
import { isRunning, type FoundProcess, type Processes } from '@plumbline/processes';

/** Namespaces by name are files of this folder (ip-netns(8)). */
const FOLDER = '/run/netns';
/** Lower numbers are those of plain files: of one that is being made, `ip netns add` has made the file and not mounted the namespace yet. */
const FIRST_NETNS = 0xf000_0000;
/** How long a proxy may take to read its file: with 200 namespaces it takes some 300 ms. */
const LOAD_MS = 30_000;
const ANSWER_MS = 1_000;
/** How long it must be seen nowhere to count as ended. */
const GONE_MS = 300;

export class NodeMetadataDriver implements MetadataDriver {
  constructor(
    private readonly runner: Pick<Runner, 'run'>,
    private readonly processes: Processes,
    private readonly terms: ProxyTerms,
  ) {}

  async observe(namespaces: readonly string[]): Promise<MetadataFound> {
    const [numbers, processes] = await Promise.all([this.numbersOf(namespaces), this.processes.observe()]);
    const runs = processes.processes.some(({ name, main }) => main && name === PROXY);
    return {
      namespaces: numbers,
      processes,
      config: this.config,
      loaded: runs ? await this.loaded() : null,
    };
  }

  private get config(): string {
    return this.processes.fileOf(PROXY, PROXY_FILE) ?? '';
  }

  private async numbersOf(namespaces: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (namespaces.length === 0) return new Map();
    const files = [...new Set(namespaces)].sort().map((name) => `${FOLDER}/${name}`);
    // It ends with 1 behind a name that is not there.
    const options = { reads: true, okCodes: [0, 1] };
    const { stdout } = await this.runner.run(['stat', '-L', '-c', '%i %n', '--', ...files], options);
    return new Map(
      stdout.split('\n').flatMap((line): [string, number][] => {
        const [number = '', file = ''] = line.split(' ');
        return Number(number) >= FIRST_NETNS ? [[file.slice(FOLDER.length + 1), Number(number)]] : [];
      }),
    );
  }

  async apply(steps: readonly MetadataStep[]): Promise<void> {
    const supervised = steps.flatMap((each) => (each.op === 'process' ? [each.step] : []));
    if (supervised.length > 0) await this.processes.apply(supervised);
    for (const each of steps) if (each.op === 'reread') process.kill(each.process.pid, 'SIGHUP');
    const told = steps.some(
      (each) => each.op === 'reread' || each.step.op === 'start-process' || each.step.op === 'reload-process',
    );
    if (told) await this.untilLoaded();
  }

  /** A proxy that is told once more while it reads would go by a file that is between the two. One that has ended meanwhile is not waited for. */
  private async untilLoaded(): Promise<void> {
    const wanted = digestIn(this.config);
    let proxy: FoundProcess | undefined;
    let goneMs = 0;
    const begin = performance.now();
    for (let now = begin, before = begin; now < begin + LOAD_MS; before = now, now = performance.now()) {
      if ((await this.loaded()) === wanted) return;
      proxy ??= (await this.processes.observe(new Set())).processes.find(({ name, main }) => main && name === PROXY);
      goneMs = proxy && isRunning(proxy) ? 0 : goneMs + (now - before);
      // A program that becomes another one, as haproxy does when it is told, has no environment for a moment.
      if (goneMs > GONE_MS)
        throw new Error(`haproxy has ended while it read its file. The last it said: ${this.lastWords}`);
      await delay(20);
    }
    throw new Error(`haproxy did not take its file within ${LOAD_MS} ms. The last it said: ${this.lastWords}`);
  }

  private get lastWords(): string {
    try {
      return readFileSync(proxyLog(this.terms), 'utf8').trim().slice(-500) || 'nothing';
    } catch {
      return 'nothing';
    }
  }

  private async loaded(): Promise<string | null> {
    const text = await ask(statsSocket(this.terms), 'show info\n').catch(() => '');
    return /^description: (\S+)$/m.exec(text)?.[1] ?? null;
  }
}

/** Sends a line to a socket and resolves with all that it says until it closes. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    let text = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('no answer')));
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(line));
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
