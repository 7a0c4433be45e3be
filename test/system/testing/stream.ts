/** A TCP or UDP stream through the lab that a spec keeps open while it breaks something, and checks afterwards. The two ends are units of the lab (`ticker.mjs`). */
import { z } from 'zod';
import { ensureUnit, labEnvironment, removeUnit, runningPlace } from '@plumbline/lab';
import { until, type TestLab } from './test-lab.js';

const port = 7000;
const Line = z.object({
  ...{ at: z.number(), lines: z.number(), gapMs: z.number(), ended: z.string().nullable() },
  lost: z.number().default(0),
});
/** Lines received so far, the longest silence, when it was reported, how the stream ended (null: it is open), and how many datagrams were lost. */
export type StreamState = z.infer<typeof Line>;

export class HeldStream {
  private constructor(
    private readonly lab: TestLab,
    private readonly name: string,
    readonly address: string,
  ) {}

  /** To this address, behind which `instance` of the lab answers. Resolves when it flows. `name` is unique in the lab. */
  static async open(
    lab: TestLab,
    name: string,
    instance: string,
    address: string,
    { from = 'outside', protocol = 'tcp' }: Readonly<{ from?: string; protocol?: 'tcp' | 'udp' }> = {},
  ): Promise<HeldStream> {
    const script = (where: string): string[] => {
      const { node, project } = runningPlace(lab.spec, where).paths;
      return [node, `${project}/test/system/testing/ticker.mjs`];
    };
    const { host, guest = false } = lab.instance(instance);
    const verb = protocol === 'tcp' ? 'follow' : 'echo';
    const client = from === 'outside' ? from : lab.instance(from).host;
    // A virtual machine serves it by itself.
    if (!guest) await unit(lab, `tick-${instance}`, instance, [...script(host), 'serve', String(port)], true);
    const stream = new HeldStream(lab, `held-${name}`, address);
    await unit(lab, stream.name, from, [...script(client), verb, address, String(port)], false);
    await until(
      () => stream.lines().length > 0,
      () => `no stream to ${address}`,
    );
    await stream.flows();
    return stream;
  }

  private lines(): string[] {
    return this.lab
      .logOf(this.name)
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'));
  }

  state(): StreamState {
    return Line.parse(JSON.parse(this.lines().at(-1) ?? ''));
  }

  /** Waits for ten more lines, which shows that the stream works again. Throws when it has ended or stands still. */
  async flows(timeoutMs = 15_000): Promise<StreamState> {
    const from = this.state().lines;
    await until(
      () => this.state().ended !== null || this.state().lines >= from + 10,
      () => `the stream to ${this.address} stands still at line ${from}`,
      timeoutMs,
    );
    const now = this.state();
    if (now.ended !== null) throw new Error(`the stream to ${this.address} ended at line ${now.lines}: ${now.ended}`);
    return now;
  }

  /** Waits for its end; resolves with how and when it ended. */
  async end(timeoutMs = 10_000): Promise<StreamState> {
    await until(
      () => this.state().ended !== null,
      () => `the stream to ${this.address} lives on`,
      timeoutMs,
    );
    return this.state();
  }

  async close(): Promise<void> {
    await removeUnit(this.lab.spec.stateDir, this.name);
  }
}

async function unit(
  lab: TestLab,
  name: string,
  where: string,
  command: readonly string[],
  restart: boolean,
): Promise<void> {
  await ensureUnit(lab.spec.stateDir, {
    name,
    order: 41,
    argv: lab.argvAt(where, command),
    env: labEnvironment(lab.state.labId),
    restart,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
}
