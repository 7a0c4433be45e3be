/**
 * What is wanted and no kernel does, known before it is tried: it is reported with what to change, and never applied. The API refuses such requests; a log may hold
 * some from before it did.
 */
import { hasIpv6 } from './ipv6.js';
import { RouterState } from './state.js';
import { badHopTask, L3Task } from './tasks.js';

export type Impossible = Readonly<{ task: L3Task; reason: string }>;

/** Among these tasks, and of the router's routes. */
export function impossibleOf(wanted: RouterState, tasks: readonly L3Task[]): Impossible[] {
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
  return [...withoutIpv6, ...hops];
}
