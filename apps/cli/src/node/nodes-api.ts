/** The API's nodes, as an operator sees and releases them: `/plumbline/v1/nodes`. */
import { z } from 'zod';
import { ApiCall } from '../api-call.js';

const Admission = z.object({
  roles: z.array(z.string()),
  physicalNetworks: z.array(z.string()),
  bridges: z.record(z.string(), z.string()),
});
/** What an operator lets a node do. `bridges`: physical network -> the only bridge that it may map it to. */
export type Admission = Readonly<z.infer<typeof Admission>>;

const Seen = z.object({
  host: z.string(),
  machine: z.string().nullable(),
  contested: z.boolean(),
  since: z.string().nullable(),
  agents: z.array(z.object({ agent: z.string(), alive: z.boolean(), heardAt: z.string(), state: z.string() })),
  refused: z.array(z.object({ agent: z.string(), machine: z.string(), reason: z.string(), heardAt: z.string() })),
  admission: Admission.nullable(),
  unadmitted: z.object({ agents: z.array(z.string()), bridgeMappings: z.record(z.string(), z.string()) }),
  node: z
    .object({
      tunnelIp: z.string().nullable(),
      bridgeMappings: z.record(z.string(), z.string()),
      /** Absent: an API of a release before. */
      firewall: z.string().default('none'),
    })
    .nullable(),
});
export type NodeSeen = z.infer<typeof Seen>;

export class NodesApi {
  private readonly api: ApiCall;

  /** `token`: an administrator's, or null when the API needs no login. */
  constructor(url: string, token: () => Promise<string | null>) {
    this.api = new ApiCall(url, token, 'an administrator');
  }

  async all(): Promise<NodeSeen[]> {
    return z.object({ nodes: z.array(Seen) }).parse(await this.call('GET', '')).nodes;
  }

  async one(host: string): Promise<NodeSeen> {
    return z.object({ node: Seen }).parse(await this.call('GET', `/${encodeURIComponent(host)}`)).node;
  }

  /** Null: nothing is known of it. */
  async find(host: string): Promise<NodeSeen | null> {
    return (await this.all()).find((each) => each.host === host) ?? null;
  }

  /** The name is nobody's, or that machine's. */
  async release(host: string, machine: string | null): Promise<void> {
    await this.call('POST', `/${encodeURIComponent(host)}/release`, { machine });
  }

  async remove(host: string): Promise<void> {
    await this.call('DELETE', `/${encodeURIComponent(host)}`);
  }

  /** All that the node may do from now on. */
  async admit(host: string, admission: Admission): Promise<void> {
    await this.call('PUT', `/${encodeURIComponent(host)}/admission`, admission);
  }

  /** Nothing new comes to the node. */
  async endAdmission(host: string): Promise<void> {
    await this.call('DELETE', `/${encodeURIComponent(host)}/admission`);
  }

  private call(method: string, path: string, body?: unknown): Promise<unknown> {
    return this.api.send(method, `/plumbline/v1/nodes${path}`, body);
  }
}

/** `network, compute; physical networks physnet1, physnet2 (br-x)`. */
export function admissionText({
  roles,
  physicalNetworks,
  bridges = {},
}: Readonly<{
  roles: readonly string[];
  physicalNetworks: readonly string[];
  bridges?: Readonly<Record<string, string>>;
}>): string {
  const networks = physicalNetworks.map((name) => (Object.hasOwn(bridges, name) ? `${name} (${bridges[name]})` : name));
  return `${roles.join(', ')}; ${networks.length === 0 ? 'no physical network' : `physical networks ${networks.join(', ')}`}`;
}

/** One node, in lines for a terminal. */
export function linesOf({
  host,
  machine,
  contested,
  since,
  agents,
  refused,
  node,
  admission,
  unadmitted,
}: NodeSeen): string[] {
  const owner = machine === null ? 'no machine owns this name yet' : `owned by machine ${machine} since ${since}`;
  return [
    `${host}: ${contested ? `NOBODY may change it: two machines have the identity ${machine}` : owner}`,
    ...(node === null
      ? ['  not in the log']
      : [
          `  tunnel address ${node.tunnelIp ?? 'none'}, bridges ${
            Object.entries(node.bridgeMappings)
              .map((each) => each.join(':'))
              .join(', ') || 'none'
          }`,
          `  security groups: ${node.firewall === 'none' ? 'not enforced' : `enforced (${node.firewall})`}`,
        ]),
    `  ${admission === null ? 'NOT ADMITTED: nothing new comes to it' : `admitted as ${admissionText(admission)}`}`,
    ...unadmitted.agents.map((agent) => `  NOT ADMITTED, so not used: its ${agent} agent`),
    ...Object.entries(unadmitted.bridgeMappings).map(
      ([network, bridge]) => `  NOT ADMITTED, so not used: its mapping of ${network} to ${bridge}`,
    ),
    ...agents.map(
      (each) => `  ${each.agent} agent: ${each.alive ? 'alive' : `SILENT since ${each.heardAt}`}, ${each.state}`,
    ),
    ...refused.map(
      (each) =>
        `  REFUSED: the ${each.agent} agent of machine ${each.machine || 'without identity'} (last heard ${each.heardAt}): ${each.reason}`,
    ),
  ];
}
