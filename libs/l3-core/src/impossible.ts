/**
 * What is wanted and cannot be, known before it is tried: it is reported with what to change, and never applied. Some no kernel does: the API refuses such
 * requests; a log may hold some from before it did. And what is in a table that cannot be read cannot be made right.
 */
import { dialect } from './dialects/index.js';
import { hasIpv6 } from './ipv6.js';
import { ObservedRouter, RouterState } from './state.js';
import { badHopTask, L3Task, tableTask } from './tasks.js';

export type Impossible = Readonly<{ task: L3Task; reason: string }>;

/** Among these tasks, of the router's routes, and of its tables as found. */
export function impossibleOf(
  wanted: RouterState,
  tasks: readonly L3Task[],
  have: ObservedRouter | undefined,
): Impossible[] {
  const small = new Map(
    wanted.links.flatMap(({ device, mtuBytes }) => (hasIpv6(mtuBytes) ? [] : [[device, mtuBytes] as const])),
  );
  const withoutIpv6 = tasks.flatMap((task): Impossible[] => {
    const { step } = task;
    const mtuBytes = step.op === 'add-address' && step.address.includes(':') ? small.get(step.device) : undefined;
    if (mtuBytes === undefined || step.op !== 'add-address') return [];
    const reason = `address ${step.address} on ${step.device}: IPv6 needs an MTU of 1280 or more (RFC 8200) and the network has ${mtuBytes}; set the network's mtu, or delete the subnet`;
    return [{ task, reason }];
  });
  const hops = wanted.badHops.map(({ route, reason }): Impossible => ({
    task: badHopTask(wanted, route),
    reason: `route ${route.destination} via ${route.via}: ${reason}; set another next hop`,
  }));
  const tables = (have?.unreadable ?? []).flatMap(({ version, table }): Impossible[] => {
    const rules = (version === 4 ? wanted.rules4 : wanted.rules6).find((each) => each.table === table);
    if (!rules) return [];
    const reason = `IPv${version} rules: table ${table} contains rules that iptables cannot show, so it is neither read nor repaired; an operator must look at this node: ${dialect.mendingOf(wanted.netns, version, table)}`;
    return [{ task: tableTask(wanted, version, rules), reason }];
  });
  return [...withoutIpv6, ...hops, ...tables];
}
