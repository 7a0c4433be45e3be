/** The proxy's port on a real node: namespaces are looked at through the node's own /run, the proxy by libs/processes and at its stats socket. */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runner } from '@plumbline/exec';
import {
  digestIn,
  masterSocket,
  PROXY,
  PROXY_FILE,
  proxyLog,
  statsSocket,
  type MetadataDriver,
  type MetadataFound,
  type MetadataStep,
  type ProxyTerms,
} from '@plumbline/metadata-core';
import { isRunning, type Processes, type ProcessIdentity } from '@plumbline/processes';

/** Namespaces by name are files of this folder (ip-netns(8)). */
const FOLDER = '/run/netns';
/** Lower numbers are those of plain files: of one that is being made, `ip netns add` has made the file and not mounted the namespace yet. */
const FIRST_NETNS = 0xf000_0000;
/** How long a proxy may take to read its file: with 200 namespaces it takes some 300 ms. */
const LOAD_MS = 30_000;
const ANSWER_MS = 1_000;
/** When it is told once more that did not take its file: the process that was told may have been one that began anew just then. */
const AGAIN_MS = 5_000;
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
    const [told] = steps.flatMap((each) => (each.op === 'reread' ? [each.process] : []));
    if (told || supervised.some(({ op }) => op === 'start-process')) await this.untilLoaded(told);
  }

  /** One that has ended meanwhile is not waited for. `told`: the proxy that must be told first; one that has just been started reads the file by itself. */
  private async untilLoaded(told?: ProcessIdentity): Promise<void> {
    const wanted = digestIn(this.config);
    let proxy = told;
    let goneMs = 0;
    const begin = performance.now();
    let toldAt = told ? -Infinity : Infinity;
    for (let now = begin, before = begin; now < begin + LOAD_MS; before = now, now = performance.now()) {
      if (now > toldAt + AGAIN_MS && (await this.tell())) toldAt = now;
      if (toldAt !== -Infinity && (await this.loaded()) === wanted) return;
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

  /** False while it takes no orders: it begins, or is gone. Told more often, it reads its file more often. */
  private tell(): Promise<boolean> {
    return ask(masterSocket(this.terms), 'reload\n').then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT',
    );
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
