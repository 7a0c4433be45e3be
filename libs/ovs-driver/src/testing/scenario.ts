import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';

/** Where interfaces come and go: a fake switch, or a real one. */
export type Plugs = Readonly<{
  plug(name: string, ifaceId: string): Promise<void>;
  unplug(name: string): Promise<void>;
}>;

/** The scenario: each step changes the view or plugs something. Two networks and a provider network, ports that come, move, go down and leave, here and elsewhere. */
export const STEPS: readonly ((builder: ViewBuilder, on: Plugs) => Promise<unknown> | unknown)[] = [
  (b) => b.node('cmp1', { tunnelIp: '192.0.2.1' }).node('cmp2', { tunnelIp: '192.0.2.2' }),
  (b) => b.network(501, 'vxlan').placed(501, { cmp1: 1 }),
  (b) => b.port(11, 501),
  (_b, on) => on.plug('tap11', idOf(11)),
  (b) => b.placed(501, { cmp1: 1, cmp2: 3 }),
  (b) => b.entry(11, 501, 'cmp1').entry(91, 501, 'cmp2').entry(92, 501, 'cmp2', { secured: false }),
  (b) => b.network(1, 'flat').placed(1, { cmp1: 5 }).port(31, 1),
  (_b, on) => on.plug('tap31', idOf(31)),
  (b) => b.port(11, 501, { adminStateUp: false }),
  (b) => b.network(502, 'vxlan').placed(502, { cmp1: 2, cmp2: 1 }).port(21, 502),
  (_b, on) => on.plug('tap21', idOf(21)),
  (b) => b.port(11, 501, { fixedIps: [{ subnetId: idOf(501), ipAddress: '10.0.0.200' }] }),
  (b) => b.remove(`port/${idOf(21)}`),
  (b) =>
    b
      .placed(502, { cmp2: 1 })
      .remove(`network/${idOf(502)}`)
      .remove(`placement/${idOf(502)}`),
  (_b, on) => on.unplug('tap21'),
  (b) => b.node('cmp2', { tunnelIp: '192.0.2.22' }),
  (b) => b.entry(92, 501, 'cmp2', { pairs: [{ ipAddress: '10.0.0.91', macAddress: macOf(92) }] }),
  (b) => b.entry(91, 501, 'cmp1').entry(11, 501, 'cmp2'),
  (b) => b.remove(`forwardingentry/${idOf(92)}`),
  (b) => b.network(41, 'local').placed(41, { cmp1: 7, cmp2: 2 }).port(41, 41),
  (_b, on) => on.plug('tap41', idOf(41)),
];
