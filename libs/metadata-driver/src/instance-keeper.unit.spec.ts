import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { InstanceAsk, InstanceData, InstanceMessage, InstanceName } from '@plumbline/contracts';
import { answersOf } from '@plumbline/messaging';
import { createLogger } from '@plumbline/telemetry';
import { InstanceKeeper } from './instance-keeper.js';

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const LOG = id(1);
const ONE = { projectId: 'garden', deviceId: 'one' };
const TWO = { projectId: 'garden', deviceId: 'two' };
const OTHERS = { projectId: 'orchard', deviceId: 'one' };
const dataOf = (name: InstanceName, revision: number, bytes = 10): InstanceData => ({
  ...name,
  revision: id(revision),
  hostname: 'web',
  publicKeys: { mine: `ssh-ed25519 ${revision}` },
  userData: Buffer.alloc(bytes, 65).toString('base64'),
});

/** What the API keeps, and how it answers. */
class Api {
  readonly data = new Map<string, InstanceData>();
  readonly asked: InstanceAsk[] = [];
  connected = true;
  maxBodyBytes = 100_000;
  /** Answers are lost. */
  silent = false;
  constructor(private readonly hear: (message: InstanceMessage) => void) {}

  send(ask: InstanceAsk): void {
    this.asked.push(ask);
    if (!this.silent) for (const message of this.answers(ask)) this.hear(message);
  }

  answers({ log, ask, instances }: InstanceAsk, host = 'net1'): InstanceMessage[] {
    const found = instances.map(({ revision, ...name }) => ({
      name,
      revision,
      data: this.data.get(JSON.stringify(name)),
    }));
    const set = found.flatMap(({ data, revision }) => (data && data.revision !== revision ? [data] : []));
    const same = found.flatMap(({ name, data, revision }) => (data && data.revision === revision ? [name] : []));
    const gone = found.flatMap(({ name, data }) => (data ? [] : [name]));
    return answersOf({ log, host, ask, set, same, gone, later: [], last: true }, this.maxBodyBytes);
  }

  put(data: InstanceData): void {
    this.data.set(JSON.stringify({ projectId: data.projectId, deviceId: data.deviceId }), data);
  }
}

let folder: string;
let nowMs: number;
let keepers: InstanceKeeper[];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'plumb-instances-'));
  nowMs = 0;
  keepers = [];
});
afterEach(() => {
  for (const each of keepers) each.close();
  rmSync(folder, { recursive: true });
});

function start() {
  const keeper = new InstanceKeeper({
    host: 'net1',
    folder: path.join(folder, 'kept'),
    logger: createLogger({ name: 'test', level: 'silent' }),
    now: () => nowMs,
  });
  keepers.push(keeper);
  const api = new Api((message) => keeper.hear(JSON.parse(JSON.stringify(message))));
  return { keeper, api };
}
const view = { log: LOG, position: 5 };

describe('what owners gave', () => {
  it('is asked for, kept, told, and again after a restart without an API', () => {
    const { keeper, api } = start();
    api.put(dataOf(ONE, 1));
    keeper.start(api);
    expect(keeper.dataOf(ONE)).toBeUndefined();
    keeper.serve(view, [ONE, TWO], true);
    expect(keeper.dataOf(ONE)).toEqual(dataOf(ONE, 1));
    expect(keeper.dataOf(TWO)).toBeNull();
    // Another project's instance of the same device id is another one.
    expect(keeper.dataOf(OTHERS)).toBeUndefined();
    const alone = start().keeper;
    alone.serve(view, [ONE, TWO], false);
    expect([alone.dataOf(ONE), alone.dataOf(TWO)]).toEqual([dataOf(ONE, 1), null]);
  });

  it('is readable by root alone', () => {
    const { keeper, api } = start();
    api.put(dataOf(ONE, 1));
    keeper.start(api);
    keeper.serve(view, [ONE], true);
    const kept = path.join(folder, 'kept');
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(kept)) expect(statSync(path.join(kept, file)).mode & 0o777).toBe(0o600);
  });

  it('follows changes, comes in pieces, and goes with the last port', () => {
    const { keeper, api } = start();
    keeper.start(api);
    keeper.serve(view, [ONE], true);
    api.maxBodyBytes = 4_000;
    api.put(dataOf(ONE, 2, 60_000));
    keeper.hear({ log: LOG, host: 'net1', changed: [ONE, OTHERS] });
    expect(keeper.dataOf(ONE)).toEqual(dataOf(ONE, 2, 60_000));
    expect(api.asked.at(-1)?.instances).toEqual([{ ...ONE, revision: null }]);
    keeper.hear({ log: LOG, host: 'net1', changed: [ONE] });
    expect(api.asked.at(-1)?.instances).toEqual([{ ...ONE, revision: id(2) }]);
    keeper.serve(view, [], false);
    expect(readdirSync(path.join(folder, 'kept'))).toHaveLength(1);
    keeper.serve(view, [], true);
    expect(readdirSync(path.join(folder, 'kept'))).toEqual([]);
  });

  it('is not touched by another log, another host, or an answer to nothing that was asked', () => {
    const { keeper, api } = start();
    api.put(dataOf(ONE, 1));
    keeper.start(api);
    keeper.serve(view, [ONE], true);
    const [ask] = api.asked;
    api.data.clear();
    if (!ask) throw new Error('nothing was asked');
    for (const message of [
      ...api.answers({ ...ask, log: id(9) }),
      ...api.answers(ask, 'net2'),
      ...api.answers({ ...ask, ask: id(8) }),
      { log: id(9), host: 'net1', changed: [ONE] },
      'nonsense',
    ])
      keeper.hear(message);
    expect(keeper.dataOf(ONE)).toEqual(dataOf(ONE, 1));
    expect(api.asked).toHaveLength(1);
    keeper.serve({ ...view, log: id(9) }, [ONE], false);
    expect(readdirSync(path.join(folder, 'kept'))).toHaveLength(1);
  });

  it('that is damaged on the disk is not told, and asked for again', () => {
    const first = start();
    first.api.put(dataOf(ONE, 1));
    first.keeper.start(first.api);
    first.keeper.serve(view, [ONE], true);
    const [file = ''] = readdirSync(path.join(folder, 'kept'));
    writeFileSync(path.join(folder, 'kept', file), '{"log":');
    const { keeper, api } = start();
    expect(keeper.dataOf(ONE)).toBeUndefined();
    api.put(dataOf(ONE, 1));
    keeper.start(api);
    keeper.serve(view, [ONE], true);
    expect(keeper.dataOf(ONE)).toEqual(dataOf(ONE, 1));
  });
});

describe('a question that is not answered', () => {
  it('is asked again; one is in flight at a time', async () => {
    const { keeper, api } = start();
    api.silent = true;
    api.put(dataOf(ONE, 1));
    keeper.start(api);
    keeper.serve(view, [ONE], true);
    keeper.serve(view, [ONE, TWO], true);
    expect(api.asked).toHaveLength(1);
    api.silent = false;
    nowMs = 10_000;
    for (const end = Date.now() + 20_000; keeper.dataOf(ONE) === undefined && Date.now() < end;)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect([keeper.dataOf(ONE), keeper.dataOf(TWO)]).toEqual([dataOf(ONE, 1), null]);
  }, 30_000);
});
