/** Who sends what to whom on a lab, for `plumb trace`: places, and the packets between them that are told and sent. */
import { ensureUnit, labEnvironment, runningPlace, type InstanceState } from '@plumbline/lab';
import { TestLab, type Resource, until } from './test-lab.js';

/** Sent from `from` to `address`. `to`: where it is counted; null: at no place of the spec's. `asked`: how plumb trace is asked, where that is not by these. */
export type Pair = Readonly<{
  name: string;
  from: string;
  to: string | null;
  address: string;
  packet: string;
  asked?: Readonly<{ from?: string; to?: string }>;
  /** Whether anything outside leads back is not in the log: only the way there is compared. */
  isOneWay?: true;
}>;

const SUBNETS = [
  { name: 'second', four: '10.71.0', six: 'fd00:71' },
  { name: 'third', four: '10.72.0', six: 'fd00:72' },
  { name: 'fourth', four: '10.74.0', six: 'fd00:74' },
  { name: 'lonely', four: '10.73.0', six: null },
] as const;
type Net = Readonly<{ network: Resource; subnets: readonly Resource[]; four: string; six: string | null }>;

export class Places {
  readonly instances = new Map<string, InstanceState & Readonly<{ six: string | null }>>();
  readonly floating = new Map<string, string>();
  private readonly nets = new Map<string, Net>();
  private readonly groups = new Map<string, string>();
  own = '';
  dhcp = '';

  private constructor(readonly lab: TestLab) {}

  static async make(lab: TestLab): Promise<Places> {
    const places = new Places(lab);
    await places.networks();
    await places.makeGroups();
    await places.hybrid();
    await places.guests();
    await places.addresses();
    return places;
  }

  ip(name: string): string {
    const found = this.instances.get(name)?.ip;
    if (found === undefined) throw new Error(`no instance ${name}`);
    return found;
  }
  six(name: string): string {
    return this.instances.get(name)?.six ?? '';
  }
  fip(name: string): string {
    return this.floating.get(name) ?? '';
  }

  private async networks(): Promise<void> {
    const { lab } = this;
    await Promise.all(
      SUBNETS.map(async ({ name, four, six }) => {
        const network = await lab.create('network', { name });
        const of = (attributes: Record<string, unknown>) =>
          lab.create('subnet', { network_id: network.id, ...attributes });
        const subnets = [await of({ ip_version: 4, cidr: `${four}.0/24`, enable_dhcp: false })];
        if (six !== null) subnets.push(await of({ ip_version: 6, cidr: `${six}::/64`, enable_dhcp: false }));
        this.nets.set(name, { network, subnets, four, six });
      }),
    );
    const [router, external] = await Promise.all([lab.named('routers', 'router1'), lab.named('networks', 'public')]);
    await this.outside6(external);
    const other = await lab.create('router', { name: 'router2', external_gateway_info: { network_id: external.id } });
    for (const [name, { id }] of [
      ['second', router],
      ['fourth', router],
      ['third', other],
    ] as const)
      for (const subnet of this.nets.get(name)?.subnets ?? [])
        await lab.request('PUT', `/v2.0/routers/${id}/add_router_interface`, { subnet_id: subnet.id });
    const gateway = (await lab.get('router', router.id))['external_gateway_info'] as {
      external_fixed_ips: { ip_address: string }[];
    };
    this.own = gateway.external_fixed_ips[0]?.ip_address ?? '';
    const privateNetwork = await lab.named('networks', 'private');
    const servers = await lab.list('ports', `?network_id=${privateNetwork.id}&device_owner=network:dhcp`);
    this.dhcp = (servers[0]?.['fixed_ips'] as { ip_address: string }[] | undefined)?.[0]?.ip_address ?? '';
  }

  /** The external network with IPv6, too, and the host on it. */
  private async outside6(network: Resource): Promise<void> {
    const of = { network_id: network.id, ip_version: 6, cidr: `${PREFIX6}::/64`, gateway_ip: OUTSIDE6 };
    await this.lab.create('subnet', { ...of, enable_dhcp: false });
    const subnets = await this.lab.list('subnets', `?network_id=${network.id}`);
    this.nets.set('public', { network, subnets, four: '10.255.253', six: PREFIX6 });
    await this.lab.at('outside', ['ip', '-6', 'address', 'add', `${OUTSIDE6}/64`, 'dev', 'eth0', 'nodad']);
  }

  private async makeGroups(): Promise<void> {
    const { lab } = this;
    const group = async (
      name: string,
      more: Record<string, unknown>,
      ...rules: Record<string, unknown>[]
    ): Promise<Resource> => {
      const made = await lab.create('security_group', { name, ...more });
      for (const rule of rules)
        await lab.create('security_group_rule', {
          security_group_id: made.id,
          direction: 'ingress',
          ethertype: 'IPv4',
          ...rule,
        });
      this.groups.set(name, made.id);
      return made;
    };
    const tcp = (port: number) => ({ protocol: 'tcp', port_range_min: port, port_range_max: port });
    await group('shut', {}, tcp(22));
    await group('six', {}, { ethertype: 'IPv6', protocol: 'ipv6-icmp' }, { ethertype: 'IPv6', ...tcp(80) });
    const mute = await group('mute', { stateful: false }, tcp(80));
    const rules = mute['security_group_rules'] as readonly { id: string; direction: string }[];
    for (const { id, direction } of rules) if (direction === 'egress') await lab.delete('security_group_rule', id);
    this.groups.set('open', await lab.guestGroup());
  }

  /** Instances on net1 are plugged by bridges of their own from now on, and iptables judges there. */
  private async hybrid(): Promise<void> {
    const { lab } = this;
    await lab.withEnvironment('ovs-agent-net1', { PLUMB_FIREWALL: 'hybrid' });
    const port = await lab.create('port', {
      network_id: (await lab.named('networks', 'private')).id,
      ...{ 'binding:host_id': 'net1', device_owner: 'compute:nova', device_id: 'asks' },
    });
    await until(
      async () =>
        JSON.stringify((await lab.get('port', port.id))['binding:vif_details']).includes('"ovs_hybrid_plug":true'),
      () => 'the API does not say how to plug on net1',
    );
    await lab.delete('port', port.id);
  }

  private async guests(): Promise<void> {
    const { lab } = this;
    for (const name of ['vm1', 'vm2']) this.instances.set(name, { ...lab.instance(name), six: null });
    const here = lab.instance('vm1').host;
    const there = lab.instance('vm2').host;
    const guests: readonly (readonly [name: string, host: string, network: string, ...groups: string[]])[] = [
      ['near', here, 'private', 'open'],
      ['shut', there, 'private', 'shut'],
      ['mute', there, 'private', 'mute'],
      ['down', there, 'private', 'open'],
      ['second1', there, 'second', 'open', 'six'],
      ['second2', here, 'second', 'open', 'six'],
      ['third', here, 'third', 'open', 'six'],
      ['bare', there, 'second', 'open', 'six'],
      ['direct', there, 'public', 'open', 'six'],
      ['fourth', here, 'fourth', 'open', 'six'],
      ['lonely', there, 'lonely', 'open'],
      ['bridged', 'net1', 'private', 'open'],
      ['bridged2', 'net1', 'second', 'open', 'six'],
      ['bridged3', 'net1', 'private', 'shut'],
      ['bridged4', 'net1', 'private', 'mute'],
    ];
    for (const [name, host, network, ...groups] of guests) await this.guest(name, host, network, groups);
    for (const [name, { portId }] of this.instances) if (name !== 'down') await lab.becomes('port', portId, 'ACTIVE');
    await lab.update('port', this.instances.get('down')?.portId ?? '', { admin_state_up: false });
    for (const name of [...this.instances.keys()]) await this.echo(name);
  }

  private async guest(name: string, host: string, network: string, groups: readonly string[]): Promise<void> {
    const { lab } = this;
    const net = this.nets.get(network);
    const on = net?.network ?? (await lab.named('networks', network));
    const port = await lab.create('port', {
      ...{ name, network_id: on.id, device_owner: 'compute:nova', device_id: `id-of-${name}`, 'binding:host_id': host },
      security_groups: groups.map((group) => this.groups.get(group)),
      ...(net && { fixed_ips: net.subnets.map(({ id }) => ({ subnet_id: id })) }),
    });
    const fixed = (port['fixed_ips'] as readonly { ip_address: string }[]).map(({ ip_address }) => ip_address);
    const ip = fixed.find((each) => !each.includes(':')) ?? '';
    const six = fixed.find((each) => each.includes(':')) ?? null;
    const instance: InstanceState = {
      ...{ name, host, portId: port.id, mac: String(port['mac_address']), ip, prefix: 24 },
      ...{ gateway: net ? `${net.four}.1` : '192.168.50.1', mtuBytes: Number(on['mtu']) },
      hybrid: (port['binding:vif_details'] as { ovs_hybrid_plug?: boolean }).ovs_hybrid_plug === true,
    };
    await lab.plug(instance);
    this.instances.set(name, { ...instance, six });
    if (six === null || !net || name === 'bare') return;
    const lines = [`address add ${six}/64 dev eth0 nodad`, `route add default via ${net.six}::1 dev eth0`];
    await lab.inside(instance, ['ip', '-6', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  }

  private async addresses(): Promise<void> {
    const { lab } = this;
    for (const name of ['vm1', 'third', 'shut', 'second1']) {
      const instance = this.instances.get(name);
      const [found] = await lab.list('floatingips', `?port_id=${instance?.portId}`);
      const made = found ?? (await lab.floatingIp(instance ?? null));
      this.floating.set(name, String(made['floating_ip_address']));
      await lab.becomes('floatingip', made.id, 'ACTIVE');
    }
    const router = await lab.named('routers', 'router1');
    const forwarding = {
      protocol: 'tcp',
      external_port: 5001,
      internal_port: 80,
      internal_port_id: lab.instance('vm2').portId,
    };
    await lab.request('POST', `/v2.0/routers/${router.id}/port_forwardings`, { port_forwarding: forwarding });
    await lab.answers('outside', `${this.own}:5001`, 'vm2');
  }

  /** UDP port 53 of an instance answers. */
  private async echo(name: string): Promise<void> {
    const { lab } = this;
    const { host } = this.instances.get(name) as InstanceState;
    await ensureUnit(lab.spec.stateDir, {
      ...{ name: `echo-${name}`, order: 50, env: labEnvironment(lab.state.labId), restart: true, afterStart: [] },
      argv: lab.argvAt(name, [
        'perl',
        `${runningPlace(lab.spec, host).paths.project}/test/system/testing/ask.pl`,
        'echo',
        '53',
      ]),
      stopSignal: 'SIGTERM',
    });
  }

  /** All that is told and sent. */
  pairs(): readonly Pair[] {
    const { own, dhcp } = this;
    const pair = (from: string, to: string, packet: string, address = this.ip(to), more: Partial<Pair> = {}): Pair => ({
      ...{ name: `${from} -> ${to} ${packet}`, from, to, address, packet },
      ...more,
    });
    const fip = (from: string, to: string, packet: string): Pair =>
      pair(from, to, packet, this.fip(to), { name: `${from} -> floating IP of ${to} ${packet}` });
    const six = (from: string, to: string, packet: string): Pair =>
      pair(from, to, packet, this.six(to), {
        name: `${from} -> ${to} ${packet}, IPv6`,
        asked: { from: this.six(from) },
      });
    const out = (from: string, packet: string): Pair => pair(from, 'outside', packet, OUTSIDE);
    const none = (from: string, what: string, address: string, packet: string): Pair =>
      pair(from, what, packet, address, { to: null });
    return [
      // On one network: one node, two nodes.
      ...['icmp', 'tcp/80', 'tcp/443'].map((packet) => pair('vm1', 'near', packet)),
      pair('near', 'vm1', 'udp/53', undefined, { asked: { from: 'id-of-near' } }),
      ...['icmp', 'tcp/80', 'udp/53'].map((packet) => pair('vm1', 'vm2', packet)),
      pair('vm2', 'near', 'udp/53'),
      // Routed.
      pair('vm1', 'second1', 'icmp'),
      pair('second1', 'vm2', 'tcp/80'),
      pair('second2', 'near', 'udp/53'),
      pair('fourth', 'second1', 'tcp/80'),
      // In from outside, and out.
      ...['icmp', 'tcp/80', 'udp/53'].map((packet) => fip('outside', 'vm1', packet)),
      fip('outside', 'second1', 'tcp/80'),
      out('vm1', 'tcp/80'),
      out('vm2', 'icmp'),
      out('vm2', 'tcp/80'),
      out('fourth', 'icmp'),
      // From floating IP to floating IP, and round a corner.
      fip('vm1', 'third', 'tcp/80'),
      fip('third', 'vm1', 'icmp'),
      fip('vm2', 'vm1', 'tcp/80'),
      fip('second2', 'vm1', 'udp/53'),
      fip('second1', 'vm1', 'tcp/80'),
      fip('vm2', 'third', 'icmp'),
      // What security groups say.
      pair('vm1', 'shut', 'tcp/80'),
      pair('vm2', 'shut', 'icmp'),
      pair('vm1', 'shut', 'tcp/22'),
      pair('shut', 'vm1', 'tcp/80'),
      fip('outside', 'shut', 'tcp/80'),
      pair('vm1', 'mute', 'tcp/80'),
      pair('mute', 'vm1', 'icmp'),
      // Forwarded ports, and the router's own.
      pair('outside', 'vm2', 'tcp/5001', own, { name: "outside -> the router's port tcp/5001" }),
      pair('third', 'vm2', 'tcp/5001', own, { name: "third -> the router's port tcp/5001" }),
      none('outside', 'the router', own, 'tcp/5002'),
      none('vm1', 'its gateway', '192.168.50.1', 'icmp'),
      none('vm1', 'metadata', '169.254.169.254', 'tcp/80'),
      none('vm2', 'the DHCP server', dhcp, 'icmp'),
      // By bridges of instances, on which iptables judges.
      ...['icmp', 'tcp/80', 'tcp/443', 'udp/53'].map((packet) => pair('vm1', 'bridged', packet)),
      pair('bridged', 'vm2', 'tcp/80'),
      pair('bridged', 'bridged3', 'tcp/80'),
      pair('vm1', 'bridged3', 'tcp/22'),
      pair('vm2', 'bridged4', 'tcp/80'),
      six('second1', 'bridged2', 'tcp/80'),
      six('bridged2', 'fourth', 'icmp'),
      six('second2', 'bridged2', 'tcp/22'),
      // Nobody, nowhere.
      pair('lonely', 'vm1', 'icmp'),
      pair('vm1', 'down', 'icmp'),
      pair('down', 'vm1', 'icmp'),
      none('vm1', 'nobody inside', '192.168.50.240', 'icmp'),
      none('vm1', 'nobody outside', '10.255.253.241', 'icmp'),
      // IPv6: over a tunnel, routed, shut out.
      six('second1', 'second2', 'icmp'),
      six('second1', 'fourth', 'icmp'),
      six('fourth', 'second2', 'tcp/80'),
      six('second2', 'fourth', 'tcp/22'),
      // Neighbours of IPv6: an instance that did not take its address, and who is outside, or not.
      six('second1', 'bare', 'icmp'),
      pair('direct', 'outside', 'tcp/80', OUTSIDE6),
      pair('outside', 'direct', 'icmp', this.six('direct'), { asked: { from: OUTSIDE6 } }),
      pair('third', 'outside', 'icmp', OUTSIDE6, { asked: { from: this.six('third') }, isOneWay: true }),
      none('direct', 'nobody outside, IPv6', `${PREFIX6}::dead`, 'icmp'),
      none('third', 'nobody outside, IPv6', `${PREFIX6}::dead`, 'icmp'),
    ].map((each, at) => ({ ...each, name: `${at + 1}: ${each.name}` }));
  }
}
export const OUTSIDE = '10.255.253.1';
const PREFIX6 = '2001:db8:e';
export const OUTSIDE6 = `${PREFIX6}::1`;
