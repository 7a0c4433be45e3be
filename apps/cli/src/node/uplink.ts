/**
 * Gives a provider bridge its uplink: what will happen, what speaks against it, and then one transaction. Run on the node.
 *
 * Goals: nobody cuts himself or the machine off by a typo; a bridge that is there loses nothing. Design: everything is read first, a pure function says what would
 * be done and why it should not, and only then something is changed. The bridge is the operator's afterwards as one that he made himself: the agent adopts it.
 * Road not taken: moving the interface's addresses to the bridge. Which of them shall answer there, and what makes them after a reboot, is the machine's network
 * configuration, which this command does not know.
 */
import { readFileSync } from 'node:fs';
import { LinkName } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { addBridge, addPort, type OvsdbMirror, removeBridge, removePort } from '@plumbline/ovsdb';
import { z } from 'zod';

const OWN_BRIDGES = ['br-int', 'br-tun'];

export type Session = Readonly<{ client: string; server: string }>;

/** What matters of the machine, as it is. */
export type Found = Readonly<{
  links: readonly Readonly<{ name: string; kind: string; on: string | null; master: string | null }>[];
  /** Those that other machines may use: no loopback, no link-local ones. */
  addresses: readonly Readonly<{ device: string; address: string; prefixLength: number }>[];
  defaultRoutes: readonly Readonly<{ device: string; via: string | null }>[];
  /** The caller's, if it came by SSH to an address of this machine; `device`: by which the answers leave. */
  session: (Session & Readonly<{ device: string | null }>) | null;
  bridges: readonly Readonly<{ name: string; datapathType: string; ports: readonly string[] }>[];
}>;

export type Asked = Readonly<{ bridge: string; uplink: string; datapathType: string }>;

export type UplinkPlan = Readonly<{
  /** What will be so, a line each. */
  lines: readonly string[];
  /** Why it is refused unless the caller insists. */
  dangers: readonly string[];
  makesBridge: boolean;
  addsPort: boolean;
}>;

/** Throws what cannot be done at all, in words. */
export function planUplink({ bridge, uplink, datapathType }: Asked, found: Found): UplinkPlan {
  if (!LinkName.safeParse(bridge).success)
    throw new Error(`'${bridge}' cannot be a bridge's name: at most 15 characters, as of any interface`);
  if (OWN_BRIDGES.includes(bridge))
    throw new Error(
      `${bridge} is a bridge of the OVS agent's own: an uplink belongs on a bridge of a physical network`,
    );
  const there = found.bridges.find(({ name }) => name === bridge);
  const home = found.bridges.find(({ ports }) => ports.includes(uplink));
  if (home && home.name !== bridge)
    throw new Error(
      `${uplink} is a port of bridge ${home.name}: take it off there first (ovs-vsctl del-port ${home.name} ${uplink})`,
    );
  const device = found.links.find(({ name }) => name === uplink);
  if (!device) throw new Error(`there is no interface ${uplink} on this machine (ip link show)`);
  if (uplink === bridge || found.bridges.some(({ name }) => name === uplink))
    throw new Error(`${uplink} is a bridge, not an interface that leads out of this machine`);
  if (device.kind === 'loopback') throw new Error(`${uplink} leads nowhere: it is the loopback interface`);
  if (device.master !== null && !home)
    throw new Error(`${uplink} belongs to ${device.master}: name that as the uplink, or take it out of it first`);
  if (!there && found.links.some(({ name }) => name === bridge))
    throw new Error(`there is an interface ${bridge} that is no Open vSwitch bridge: give the bridge another name`);
  const others = (there?.ports ?? []).filter((name) => name !== uplink);
  const integration = found.bridges.find(({ name }) => name === 'br-int');
  const lines = [
    there
      ? `bridge ${bridge} is there and stays as it is${others.length > 0 ? `, with its ports ${others.join(', ')}` : ''}`
      : `bridge ${bridge} is made (datapath_type ${datapathType})`,
    home ? `${uplink} is a port of it already` : `${uplink} becomes a port of it, and is set up with ARP off`,
  ];
  const type = there?.datapathType ?? datapathType;
  if (integration && integration.datapathType !== type)
    lines.push(
      `note: br-int has datapath_type ${integration.datapathType} and ${bridge} ${type}, so patch ports cannot join them: give both the same`,
    );
  return { lines, dangers: home ? [] : dangersOf(uplink, found), makesBridge: !there, addsPort: !home };
}

/** What of the machine is lost with the interface. */
function dangersOf(uplink: string, { links, addresses, defaultRoutes, session }: Found): string[] {
  const devices = [uplink, ...devicesOn(uplink, links)];
  const by = (device: string): string => (device === uplink ? '' : ` (by ${device})`);
  const has = (device: string): boolean => devices.includes(device);
  const own = addresses.filter(({ device }) => has(device));
  return [
    ...defaultRoutes
      .filter(({ device }) => has(device))
      .map(
        ({ device, via }) =>
          `it bears the default route of this machine${via === null ? '' : `, via ${via}`}${by(device)}`,
      ),
    ...(session && (own.some(({ address }) => address === session.server) || has(session.device ?? ''))
      ? [`it bears your own session, SSH from ${session.client} to ${session.server}, which would end at once`]
      : []),
    ...own.map(
      ({ device, address, prefixLength }) => `its address ${address}/${prefixLength} would answer nobody${by(device)}`,
    ),
  ];
}

/** VLAN interfaces and the like that are made on it, and what is made on those. */
function devicesOn(device: string, links: Found['links']): string[] {
  const direct = links.filter(({ on, kind }) => on === device && kind !== 'veth').map(({ name }) => name);
  return direct.flatMap((name) => [name, ...devicesOn(name, links)]);
}

const Link = z.object({
  ifname: z.string(),
  link_type: z.string().optional(),
  link: z.string().optional(),
  master: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number(), scope: z.string() }).partial()).optional(),
});
const Route = z.object({
  dst: z.string().optional(),
  dev: z.string().optional(),
  gateway: z.string().optional(),
  nexthops: z.array(z.object({ dev: z.string().optional(), gateway: z.string().optional() })).optional(),
});

async function ip<T>(shape: z.ZodType<T>, ...argv: readonly string[]): Promise<T[]> {
  // "ip route get" of an address without a route fails: there is none.
  const { stdout } = await run(['ip', '-j', ...argv], { okCodes: [0, 1, 2] });
  return stdout.trim() === '' ? [] : z.array(shape).parse(JSON.parse(stdout));
}

/** Reads the machine and its switch. Changes nothing. */
export async function lookAround(mirror: OvsdbMirror, session: Session | null): Promise<Found> {
  const shown = await ip(Link, '-d', 'address', 'show');
  const routes = [
    ...(await ip(Route, 'route', 'show', 'default')),
    ...(await ip(Route, '-6', 'route', 'show', 'default')),
  ];
  const addresses = shown.flatMap(({ ifname, addr_info = [] }) =>
    addr_info.flatMap(({ local, prefixlen = 0, scope }) =>
      local === undefined || scope === 'link' || scope === 'host'
        ? []
        : [{ device: ifname, address: local, prefixLength: prefixlen }],
    ),
  );
  const isHere = shown.some(({ addr_info = [] }) => addr_info.some(({ local }) => local === session?.server));
  const back = session && isHere ? await ip(Route, 'route', 'get', session.client) : [];
  return {
    links: shown.map(({ ifname, link_type, link, master, linkinfo }) => ({
      name: ifname,
      kind: link_type === 'loopback' ? 'loopback' : (linkinfo?.info_kind ?? ''),
      on: link ?? null,
      // The kernel's datapath shows its ports so.
      master: master === undefined || master === 'ovs-system' ? null : master,
    })),
    addresses,
    defaultRoutes: routes.flatMap(({ dev, gateway, nexthops }) =>
      [{ dev, gateway }, ...(nexthops ?? [])].flatMap((hop) =>
        hop.dev === undefined ? [] : [{ device: hop.dev, via: hop.gateway ?? null }],
      ),
    ),
    session: session && isHere ? { ...session, device: back[0]?.dev ?? null } : null,
    bridges: mirror.bridges().map((row) => ({
      name: row.name,
      datapathType: row.datapath_type || 'system',
      ports: mirror
        .portsOf(row)
        .flatMap((port) => [port.name, ...mirror.interfacesOf(port).map(({ name }) => name)])
        .filter((name, at, all) => name !== row.name && all.indexOf(name) === at)
        .sort(),
    })),
  };
}

/** Does what was planned. A switch that cannot open the interface gets neither port nor bridge: then all is as before, and this rejects with the switch's reason. */
export async function addUplink(
  mirror: OvsdbMirror,
  { bridge, uplink, datapathType }: Asked,
  plan: UplinkPlan,
): Promise<void> {
  if (!plan.addsPort) return;
  await mirror.commit([
    ...(plan.makesBridge ? addBridge({ name: bridge, bridge: { datapath_type: datapathType } }) : []),
    ...addPort({ bridge, name: uplink }),
  ]);
  const opened = mirror.interface(uplink);
  if (opened?.error != null || !((opened?.ofport ?? -1) > 0)) {
    const [made, port] = [plan.makesBridge && mirror.bridge(bridge), mirror.port(uplink)];
    await mirror.commit(made ? removeBridge(made.uuid) : port ? removePort(bridge, port.uuid) : []);
    throw new Error(
      `the switch cannot open ${uplink}${opened?.error == null ? '' : `: ${opened.error}`}; nothing was changed`,
    );
  }
  await run(['ip', 'link', 'set', uplink, 'arp', 'off', 'up']);
}

/**
 * The SSH session that the caller works in: by his environment, and where that does not say it (sudo takes it away) by that of the processes that started this one.
 * Null: none, as on the console.
 */
export function sessionOf(environment: NodeJS.ProcessEnv, pid = process.ppid): Session | null {
  const own = parseSession(environment['SSH_CONNECTION']);
  for (let at = pid, found = own; ;) {
    if (found !== null || at <= 1) return found;
    try {
      const variables = readFileSync(`/proc/${at}/environ`, 'utf8').split('\0');
      found = parseSession(
        variables.find((each) => each.startsWith('SSH_CONNECTION='))?.slice('SSH_CONNECTION='.length),
      );
      at = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      return found;
    }
  }
}

/** As sshd(8) writes it: client, its port, server, its port. A link-local address may have a zone. */
function parseSession(text: string | undefined): Session | null {
  const [client, , server] = (text ?? '').split(' ').map((each) => each.replace(/%.*$/, ''));
  return client && server ? { client, server } : null;
}
