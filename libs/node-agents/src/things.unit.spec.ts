/** What agents want, beside a node that is just so: every thing is the same thing on both sides. */
import { describe, expect, it } from '@jest/globals';
import { type Thing } from '@plumbline/contracts';
import { bornPolicyRules, L3Memory, type ObservedRouter, savedFrom } from '@plumbline/l3-core';
import { networkNode, reference, tutorial } from '@plumbline/l3-core/testing';
import { actionsOn, askedBy, BR_INT, flowLine, type ObservedSwitch } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { judge } from '@plumbline/reasons/things';
import * as l3 from './l3/things.js';
import * as ovs from './ovs/things.js';
import { oncePerPosition, Survey, thingsNamed } from './things.js';

const off = (things: readonly Thing[], sorts: readonly string[]) =>
  things.filter(
    ({ sort, found, owner, position }) =>
      sorts.includes(sort) && (found !== 'ours' || owner === null || position === null),
  );

describe('routers', () => {
  it.each([
    ['tutorial', tutorial],
    ['network node', networkNode],
    ['reference', reference],
  ])('rules, chains and parameters of the %s', (_name, story) => {
    const rendered = new L3Memory().rendered(story().view(), { userspace: false });
    const wanted = l3.wantedOf(rendered);
    const routers = new Map(
      rendered.flatMap((each) => {
        if (each.kind !== 'present') return [];
        const { id, netns, rules4, rules6, sysctls } = each.state;
        const router = {
          id,
          netns,
          sysctls,
          policyRules: bornPolicyRules(),
          rules4: savedFrom(rules4),
          rules6: savedFrom(rules6),
        } as unknown as ObservedRouter;
        return [[id, router] as const];
      }),
    );
    const state = {
      bridge: true,
      userspace: false,
      routers,
      unreadable: new Map(),
      damaged: new Set<string>(),
      outsides: new Map(),
      ports: new Map(),
      programs: null,
    };
    const found = l3.foundIn({ state, networks: new Map(), files: new Map(), others: [] });
    const things = judge(wanted, found);
    expect(things.length).toBeGreaterThan(60);
    expect(off(things, ['rule', 'chain', 'sysctl', 'namespace', 'policy-rule'])).toEqual([]);
  });
});

describe('the switch', () => {
  it('its flows and ports, with the rules that a flow is there for', () => {
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
    for (const n of [11, 12])
      builder.port(n, 1, {
        fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }],
        securityGroupIds: [idOf(900)],
      });
    const { view } = builder
      .group(900)
      .rule(1, 900, { direction: 'egress' })
      .rule(2, 900, { direction: 'ingress', remoteGroupId: idOf(900) });
    const port = (n: number) =>
      ({
        ...{
          name: `tap${n}`,
          bridge: BR_INT,
          tag: 5,
          mark: null,
          tagMark: 3,
          ifaceId: idOf(n),
          type: '',
          options: {},
          ofport: n,
          error: null,
        },
      }) as const;
    const observed: ObservedSwitch = new Map([
      [
        BR_INT,
        {
          name: BR_INT,
          datapathType: 'netdev',
          failMode: 'secure',
          mark: 1,
          adopted: false,
          ports: new Map([11, 12].map((n) => [`tap${n}`, port(n)])),
        },
      ],
    ]);
    const filter = {
      bridged: { 4: false, 6: false },
      tables: { 4: new Map(), 6: new Map() },
      unreadable: [],
      sets: new Map(),
      links: new Map(),
    };
    const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'openflow' } as const;
    const asked = askedBy(view, config, observed, filter);
    const wanted = ovs.wantedOf(view, asked, observed);
    const has = (name: string): boolean => observed.get(BR_INT)?.ports.has(name) ?? false;
    const lines = (asked.desired.flows.get(BR_INT) ?? []).flatMap((flow) => {
      const actions = actionsOn(flow, has);
      return actions === null || !flow.ports.every(has) ? [] : [flowLine(flow.key, flow.position, actions)];
    });
    const root = {
      links: [],
      routes: [],
      neighbours: [],
      policyRules: new Map(),
      queues: [],
      sysctls: new Map(),
      txChecksum: new Map(),
      rulesRevision: null,
    };
    const flows = new Map([
      [
        BR_INT,
        [
          ...lines,
          'cookie=0x1, table=3, priority=1 actions=drop',
          'cookie=0x504c80000000000a, table=62, priority=1 actions=drop',
        ],
      ],
    ]);
    const things = judge(wanted, ovs.foundIn({ observed, flows, filter, root, namespaces: ['theirs'] }, view));
    expect(lines.length).toBeGreaterThan(50);
    const flowsThere = things.filter(({ sort, place }) => sort === 'flow' && place === BR_INT);
    expect(flowsThere.filter(({ found }) => found !== 'ours').map(({ found }) => found)).toEqual([
      'foreign',
      'learned',
    ]);
    expect(things.filter(({ sort, name }) => sort === 'port' && name === 'tap11')).toMatchObject([
      { found: 'ours', owner: `port/${idOf(11)}` },
    ]);
    expect(things.filter(({ found, sort }) => found === 'foreign' && sort === 'namespace')).toHaveLength(1);
    const rules = new Set(flowsThere.flatMap(({ uses }) => uses.filter((key) => key.startsWith('securitygrouprule/'))));
    expect([...rules].sort()).toEqual([`securitygrouprule/${idOf(1)}`, `securitygrouprule/${idOf(2)}`]);
    for (const { owner } of flowsThere.filter(({ found }) => found === 'ours'))
      expect(view.objects.has(owner as 'port/x')).toBe(true);
  });
});

describe('a survey', () => {
  const device = (name: string) => ({ sort: 'device', place: '', name, text: name, position: null, ours: false });
  const params = { positions: [], after: 0, most: 10, anew: true };

  it('looks once in three seconds, and again for what it did not find', async () => {
    let [looks, nowMs] = [0, 0];
    const survey = new Survey(
      async () => [device(`eth${(looks += 1)}`)],
      () => nowMs,
    );
    const ask = async (text: string, anew = true) =>
      (await thingsNamed({ ...params, text, anew }, () => [], survey)).things.map(({ name }) => name);
    expect(await ask('eth1')).toEqual(['eth1']);
    nowMs = 2_999;
    expect(await ask('eth1')).toEqual(['eth1']);
    expect(looks).toBe(1);
    expect(await ask('eth2', false)).toEqual([]);
    expect(looks).toBe(1);
    expect(await ask('eth2')).toEqual(['eth2']);
    nowMs = 5_999;
    expect(await ask('eth3')).toEqual(['eth3']);
    expect(looks).toBe(3);
    expect(await Promise.all([ask('eth3'), ask('eth3')])).toEqual([['eth3'], ['eth3']]);
    expect(looks).toBe(3);
  });

  it('looks a tenth of the time, and half of it for what nobody has', async () => {
    let [looks, nowMs] = [0, 0];
    const survey = new Survey(
      async () => ((nowMs += 500), (looks += 1), [device('eth0')]),
      () => nowMs,
    );
    const ask = (text: string, anew = true) => thingsNamed({ ...params, text, anew }, () => [], survey);
    await ask('eth0');
    for (const at of [1_500, 3_000, 4_900]) {
      nowMs = at;
      await ask('eth0');
    }
    expect(looks).toBe(1);
    nowMs = 5_001;
    await ask('eth0');
    expect(looks).toBe(2);
    // Those who ask for what is not there wait for one look together.
    nowMs += 501;
    await Promise.all(['eth1', 'eth2', 'eth3'].map((text) => ask(text)));
    expect(looks).toBeLessThanOrEqual(4);
  });

  it('tells of what is as it was by the same list, in which it is found at once', async () => {
    const survey = new Survey(async () => []);
    const wanted = [{ sort: 'device', place: '', name: 'a', text: 'a', owner: 'port/1', position: 1, uses: ['x'] }];
    const first = survey.judge(wanted, [device('a'), device('b')]);
    const same = survey.judge([...structuredClone(wanted)], [device('a'), device('b')]);
    expect(same).toBe(first);
    const other = survey.judge(wanted, [{ ...device('a'), text: 'a 00:00' }, device('b'), device('c')]);
    expect(other.map((thing) => first.includes(thing))).toEqual([false, true, false]);
  });

  it('looks again before it says that something of ours is missing, or left over', async () => {
    let nowMs = 0;
    const there: string[] = ['old'];
    const survey = new Survey(
      async () => there.map((name) => ({ ...device(name), ours: true })),
      () => nowMs,
    );
    const wanted = [{ sort: 'device', place: '', name: 'new', text: 'new', owner: 'port/1', position: 1, uses: [] }];
    const ask = async (text: string) =>
      (await thingsNamed({ ...params, text, anew: false }, () => wanted, survey)).things.map(({ found }) => found);
    expect(await ask('old')).toEqual(['left-over']);
    there.splice(0, 1, 'new');
    nowMs = 10;
    expect(await ask('old')).toEqual([]);
    expect(await ask('new')).toEqual(['ours']);
    there.splice(0);
    nowMs = 5_000;
    expect(await ask('new')).toEqual(['missing']);
    there.push('new');
    nowMs = 5_010;
    expect(await ask('new')).toEqual(['ours']);
  });

  it('has what is wanted worked out anew for what a moment ago was not as it should be, and else no sooner than a look', async () => {
    let [nowMs, made, position] = [0, 0, 1];
    const survey = new Survey(
      async () => ['a', 'b'].map((name) => ({ ...device(name), ours: true })),
      () => nowMs,
    );
    const once = oncePerPosition(() => nowMs);
    const thing = (name: string) => ({
      ...{ sort: 'device', place: '', name, text: name, owner: 'port/1', position, uses: [] },
    });
    const ask = async (text: string) => {
      const wanting = once({ log: 'log', position } as never, null, () => {
        made += 1;
        return position === 1 ? [thing('a')] : [thing('a'), thing('b')];
      });
      const { things } = await thingsNamed({ ...params, text, anew: false }, wanting, survey);
      return things.map(({ found }) => found);
    };
    expect([await ask('a'), await ask('a'), made]).toEqual([['ours'], ['ours'], 1]);
    [position, nowMs] = [2, 10];
    expect([await ask('a'), made]).toEqual([['ours'], 1]);
    expect([await ask('b'), made]).toEqual([['ours'], 2]);
    expect([await ask('b'), made]).toEqual([['ours'], 2]);
    [position, nowMs] = [3, 5_000];
    expect([await ask('a'), made]).toEqual([['ours'], 3]);
  });
});
