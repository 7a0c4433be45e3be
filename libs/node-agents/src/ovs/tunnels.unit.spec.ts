import { describe, expect, it } from '@jest/globals';
import { ViewBuilder } from '@plumbline/ovs-core/testing';
import type { TunnelEnd } from '@plumbline/ovs-core';
import { Tunnels } from './tunnels.js';

const end = (more: Partial<TunnelEnd> = {}): TunnelEnd => ({
  ...{ remoteIp: '192.0.2.2', localIp: '192.0.2.1', up: false, wasUp: false, switchedOff: false },
  ...more,
});
const view = (bfd?: boolean) =>
  new ViewBuilder('cmp1').node('cmp2', { tunnelIp: '192.0.2.2', ...(bfd !== undefined && { bfd }) }).view;

describe('Tunnels', () => {
  /** What is said of `ends` after these milliseconds, asked at each of them. */
  const said = (of: ReturnType<typeof view>, ...ends: readonly (readonly [number, TunnelEnd])[]) => {
    let now = 0;
    const tunnels = new Tunnels(() => now);
    return ends.map(([atMs, each]) => {
      now = atMs;
      return tunnels.troubles(of, [each]);
    });
  };

  it('says it of an end that speaks BFD and has not answered for ten seconds, and no longer when it answers', () => {
    const up = end({ up: true, wasUp: true });
    const down = end({ wasUp: true });
    const all = said(
      view(true),
      [0, end()],
      [9_999, end()],
      [10_000, end()],
      [10_001, up],
      [10_002, down],
      [20_002, down],
    );
    expect(all.map((each) => each.length)).toEqual([0, 0, 1, 0, 0, 1]);
    expect(all[2]?.[0]).toMatch(/^the tunnel to cmp2 \(192\.0\.2\.2\) does not answer, .*an operator must/);
  });

  it('says nothing of an end of an older release, until it has answered once', () => {
    const all = said(view(), [0, end()], [60_000, end()], [60_001, end({ wasUp: true })]);
    expect(all.map((each) => each.length)).toEqual([0, 0, 1]);
    expect(said(view(false), [0, end()], [60_000, end()]).flat()).toEqual([]);
  });

  it('says nothing of one that is switched off, nor of one whose node is gone from the log', () => {
    const off = end({ wasUp: true, switchedOff: true });
    expect(said(view(true), [0, off], [60_000, off]).flat()).toEqual([]);
    const gone = new ViewBuilder('cmp1').node('cmp2', { tunnelIp: '192.0.2.2', bfd: true, removed: true }).view;
    expect(said(gone, [0, end()], [60_000, end()]).flat()).toEqual([]);
  });
});
