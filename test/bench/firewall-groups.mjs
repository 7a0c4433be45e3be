/** The views of the firewall benchmark: local ports in groups of ten rules as in the reference's run, and members elsewhere. */
import { idOf, macOf, memberId, ViewBuilder } from '@plumbline/ovs-core/testing';

export const CONFIG = {
  bridgeMappings: { physnet1: 'br-ex' },
  tunnelIp: null,
  datapathType: 'netdev',
  firewall: 'openflow',
};
const NETWORK = 1;
const [GROUP, RULE, PORT, REMOTE] = [100, 1_000, 10_000, 20_000];

export const keyOfPort = (n) => `port/${idOf(n)}`;
export const keyOfRule = (n) => `securitygrouprule/${idOf(n)}`;
const tcp = (min, max = min) => ({ protocol: 'tcp', portRangeMin: min, portRangeMax: max });
const udp = (port) => ({ protocol: 'udp', portRangeMin: port, portRangeMax: port });

export class Groups {
  /** `members`: elsewhere, shared out among the groups; `unsecured`: of the ports the first ones, without port security and in no group. */
  constructor({ groups, ports, members, unsecured = 0 }) {
    this.builder = new ViewBuilder('cmp1').node('cmp1').network(NETWORK, 'flat').placed(NETWORK, { cmp1: 5 });
    this.ports = Array.from({ length: ports }, (_, n) => PORT + n);
    this.rules = RULE;
    for (let group = 0; group < groups; group += 1) {
      this.builder.group(GROUP + group);
      const own = { remoteGroupId: this.groupId(group) };
      for (const rule of [
        { direction: 'egress' },
        { direction: 'egress', ethertype: 'IPv6' },
        own,
        { ...tcp(22), ...own },
        { ...udp(53), ...own },
        { protocol: 'icmp' },
        tcp(443),
        { ...tcp(80), remoteIpPrefix: '192.0.2.0/24' },
        tcp(8000, 8010),
        udp(123),
      ])
        this.rule(rule, group);
    }
    for (const [index, n] of this.ports.entries()) {
      const secured = index >= unsecured;
      const group = n % groups;
      const { mac, address } = this.addressOf(n);
      this.builder.port(n, NETWORK, {
        ...{ macAddress: mac, fixedIps: [{ subnetId: idOf(NETWORK), ipAddress: address }] },
        ...(secured ? { securityGroupIds: [this.groupId(group)] } : { portSecurityEnabled: false }),
      });
      if (secured) this.member(group, n);
    }
    for (let n = 0; n < members; n += 1) this.member(n % groups, REMOTE + n);
  }

  get view() {
    return this.builder.view;
  }

  /** The same network and groups on a node that has no port. */
  withoutPorts() {
    const { view } = new ViewBuilder('cmp1').node('cmp1').network(NETWORK, 'flat').placed(NETWORK, { cmp1: 5 });
    return { view };
  }

  groupId(group) {
    return idOf(GROUP + group);
  }

  addressOf(n) {
    return { mac: macOf(n), address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` };
  }

  /** Returns its key. */
  rule(more, group = 0) {
    this.rules += 1;
    this.builder.rule(this.rules, GROUP + group, more);
    return keyOfRule(this.rules);
  }

  /** Returns its key. */
  member(group, n) {
    this.builder.member(GROUP + group, n, [`${this.addressOf(n).address}/32`]);
    return `securitygroupmember/${memberId(this.groupId(group), idOf(n))}`;
  }
}
