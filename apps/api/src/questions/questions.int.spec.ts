/**
 * Questions to nodes with a real PostgreSQL, a real broker with the logins that nodes get, agents of the runtime, and two processes of the API: who may ask, who may answer, and
 * what whoever asks hears when nobody does.
 */
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { AgentModule, AgentService } from '@plumbline/agent-runtime/nest';
import { FakeNode } from '@plumbline/agent-runtime/testing';
import { AGENT_KINDS, type AgentKind, type ParamsOf, QUESTIONS, subjects } from '@plumbline/contracts';
import type { Why } from '@plumbline/reasons';
import { natsOptions } from '@plumbline/messaging/nats';
import { nodePermissions, type Permissions } from '@plumbline/nats-logins';
import { createLogger } from '@plumbline/telemetry';
import { LoggedInCloud } from '../testing/logged-in-cloud.js';
import { NodeQuestions } from './node-questions.js';

const PATIENCE_MS = 20_000;
const logger = createLogger({ name: 'test', level: 'silent' });

let cloud: LoggedInCloud;
type Said = Readonly<{ status: number; body: Readonly<{ answers?: readonly unknown[] }> }>;
type Api = Readonly<{
  questions: NodeQuestions;
  post(host: string, body: unknown): Promise<Said>;
  why(of: string): Promise<Why>;
}>;
let one: Api;
let two: Api;

async function until<T>(what: string, ask: () => Promise<T | false>): Promise<T> {
  const dueAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found !== false) return found;
    if (performance.now() > dueAt) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await delay(20);
  }
}

async function api(): Promise<Api> {
  const { app, url } = await cloud.api(logger);
  cloud.closing(app);
  return {
    questions: app.get(NodeQuestions),
    why: async (of) => {
      const response = await fetch(`${url}/v2.0/reasons?${new URLSearchParams({ of, host: 'net1' })}`);
      return ((await response.json()) as { reasons: Why }).reasons;
    },
    post: async (host, body) => {
      const response = await fetch(`${url}/plumbline/v1/nodes/${host}/questions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Said['body'] };
    },
  };
}

async function agent(host: string, kind: AgentKind): Promise<AgentService> {
  const nkey = { kind: 'nkey', seedFile: cloud.seedFile(host) } as const;
  const config = {
    ...{
      host,
      nats: { url: cloud.natsUrl, login: nkey },
      stateDir: join(cloud.folder, host),
      availabilityZone: 'nova',
    },
    ...{ health: null, resyncMs: 60_000, logLevel: 'silent', settings: {} },
  };
  // Each knows the devices whose names begin with its own.
  const things = async ({ text }: ParamsOf<'things'>) => {
    const found = text.startsWith(kind) ? ('ours' as const) : ('foreign' as const);
    const device = { sort: 'device', place: '', name: text, text, found, position: null, owner: null, uses: [] };
    return { things: [device], all: 1 };
  };
  const makeBackend = async () => ({ reconciler: new FakeNode(), close: () => undefined, answers: { things } });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(
    AgentModule.of({ kind, settings: {}, makeBackend }, config, logger),
    { transport: Transport.NATS, options: natsOptions(config.nats, 'agent'), logger: false },
  );
  await app.listen();
  cloud.closing(app);
  return app.get(AgentService);
}

/** As a login was before there were questions. */
const older = ({ publish, subscribe }: Permissions): Permissions => ({
  publish: publish.filter((subject) => !subject.includes('.answer.')),
  subscribe: subscribe.filter((subject) => !subject.includes('.question.')),
});

beforeAll(async () => {
  cloud = await LoggedInCloud.start({
    net1: nodePermissions('net1', ['network']),
    cmp1: nodePermissions('cmp1', ['compute']),
    old1: older(nodePermissions('old1', ['compute'])),
  });
  [one, two] = await Promise.all([api(), api()]);
  await Promise.all([agent('net1', 'ovs'), agent('net1', 'l3')]);
});
afterAll(() => cloud?.stop());

const answered = (from: Api, host: string, kind: AgentKind) =>
  until(`${host} ${kind} answers`, async () => {
    const told = await from.questions.ask(host, kind, 'state', {});
    return 'answer' in told && told;
  });

describe('a question to a node', () => {
  it('is answered to the process that asked, by the agent that was asked', async () => {
    for (const from of [one, two])
      for (const kind of ['ovs', 'l3'] as const)
        expect(await answered(from, 'net1', kind)).toMatchObject({ answer: { position: 0, troubles: [] } });
    const many = await Promise.all([one, two, one, two].map((from) => from.questions.ask('net1', 'l3', 'state', {})));
    expect(many.every((told) => 'answer' in told)).toBe(true);
  });

  it('by the API: of one agent, or of each that answers such; what is not on the list is refused', async () => {
    await answered(one, 'net1', 'ovs');
    const { status, body } = await one.post('net1', { question: 'state', agent: 'l3' });
    expect([status, body.answers]).toMatchObject([200, [{ agent: 'l3', answer: { position: expect.any(Number) } }]]);
    expect((await one.post('net1', { question: 'state' })).body.answers).toHaveLength(AGENT_KINDS.length);
    for (const wrong of [
      null,
      { question: 'shell' },
      { question: 'toString' },
      { question: 'state', params: { command: 'id' } },
      { question: 'state', agent: 'l4' },
      { question: 'state', host: 'net2' },
    ])
      expect((await one.post('net1', wrong)).status).toBe(400);
    expect((await one.post('net1.>', { question: 'state' })).status).toBe(400);
    expect((await one.post('net1%2e*', { question: 'state' })).status).toBe(400);
  });

  it('for a reason: what one agent calls foreign may be another’s, and what is nobody’s is foreign', async () => {
    const told = (of: string) =>
      until(`both agents say what ${of} is`, async () => {
        const { things, unknown } = await one.why(of);
        return things.length === 1 && unknown.every((each) => !each.includes('did not answer')) && things[0];
      });
    expect(await told('l3-device')).toMatchObject({ host: 'net1', found: 'ours', text: 'l3-device', event: null });
    expect(await told('ovs-device')).toMatchObject({ host: 'net1', found: 'ours' });
    const theirs = await told('their-device');
    expect(theirs).toMatchObject({ found: 'foreign', going: { who: 'whoever made it' } });
  });

  it('that nobody answers is told so within its time', async () => {
    const began = performance.now();
    const told = await one.questions.ask('net9', 'ovs', 'state', {}, 300);
    expect(told).toMatchObject({ unknown: expect.stringContaining('did not answer within 300 ms') });
    expect(performance.now() - began).toBeLessThan(QUESTIONS.state.withinMs);
  });

  it('is not heard with a login of the release before, whose agent works as ever', async () => {
    const agentOfOld = await agent('old1', 'ovs');
    await until('it is in sync', async () => agentOfOld.health()['state'] === 'in-sync');
    const told = await one.questions.ask('old1', 'ovs', 'state', {}, 300);
    expect(told).toMatchObject({ unknown: expect.stringContaining('plumb node rekey old1') });
  });

  it('cannot be asked, heard or answered with the login of another node, nor be asked with any node’s', async () => {
    await answered(one, 'net1', 'ovs');
    const { connection, refused } = await cloud.connectAs('cmp1');
    const { asker } = one.questions;
    const question = { id: randomUUID(), asker, question: 'state', params: {}, withinMs: 1_000 };
    for (const subject of [
      subjects.question('net1', 'ovs'),
      subjects.question('cmp1', 'ovs'),
      subjects.answer('net1', 'ovs', asker),
      // A compute node runs no L3 agent.
      subjects.answer('cmp1', 'l3', asker),
    ]) {
      connection.publish(subject, JSON.stringify({ pattern: subject, data: question }));
      await connection.flush();
    }
    await until(
      'the broker refuses to publish',
      async () => refused.filter((text) => /publish/i.test(text)).length === 4,
    );
    for (const subject of [subjects.question('net1', 'ovs'), subjects.answersTo(asker), 'plumb.v1.>', '>'])
      connection.subscribe(subject, { callback: () => undefined });
    await connection.flush();
    await until(
      'the broker refuses to subscribe',
      async () => refused.filter((text) => /subscription/i.test(text)).length === 4,
    );
  });

  it('is not settled by the answer of a node that was not asked, though its login may answer', async () => {
    const { connection } = await cloud.connectAs('cmp1');
    const heard = new Promise<string>((resolve) => {
      connection.subscribe(subjects.question('cmp1', 'ovs'), {
        callback: (_error, message) => resolve((message.json() as { data: { id: string } }).data.id),
      });
    });
    await connection.flush();
    const mine = one.questions.ask('cmp1', 'ovs', 'state', {}, 2_000);
    const id = await heard;
    const forged = (of: string, to: string) => {
      const subject = subjects.answer('cmp1', 'ovs', to);
      const data = { id: of, log: null, position: 0, state: 'in-sync', answer: { forged: true } };
      connection.publish(subject, JSON.stringify({ pattern: subject, data }));
    };
    // Of a question that another process asked, and of one that was asked of another node.
    forged(id, two.questions.asker);
    const other = two.questions.ask('net1', 'ovs', 'state', {});
    for (let n = 0; n < 50; n += 1) forged(randomUUID(), two.questions.asker);
    expect(await other).toMatchObject({ answer: { position: 0, troubles: [] } });
    // What it says about itself must be an answer to what was asked.
    forged(id, one.questions.asker);
    expect(await mine).toMatchObject({ unknown: expect.stringContaining('cannot read') });
  });
});
