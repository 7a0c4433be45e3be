/**
 * The one link of a lab on the host: made, recognised, removed.
 *
 * Its alias holds the lab's id and state folder. The name does not say which lab a link belongs to: two clones may each have a lab called `lab`, and removing the
 * other's link would cut its API off.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { z } from 'zod';
import type { HostLinkAddresses } from './host-link.js';

const removeTimeoutMs = 5_000;
/** The kernel's IFALIASZ without the closing zero. */
const aliasLength = 255;
const Links = z.array(z.object({ ifname: z.string(), ifalias: z.string().optional() }));

/** A link and the lab that owns it; `owner` is null on a link without our alias. */
export interface FoundLink {
  readonly owner: { readonly labId: string; readonly stateDir: string } | null;
}

const aliasOf = (labId: string, stateDir: string): string => {
  const alias = `plumb ${labId} ${stateDir}`;
  // A truncated alias would name a folder without a lab, and the lab would be taken for one whose folder was deleted.
  if (Buffer.byteLength(alias) > aliasLength) throw new Error(`the state folder's path is too long: ${stateDir}`);
  return alias;
};

/** The host's link of this name, or null. */
export async function findHostLink(name: string): Promise<FoundLink | null> {
  const links = Links.parse(JSON.parse((await run(['ip', '-json', 'link', 'show'])).stdout || '[]'));
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined) return null;
  const [, labId, stateDir] = /^plumb (\S+) (.*)$/.exec(link.ifalias ?? '') ?? [];
  return { owner: labId === undefined || stateDir === undefined ? null : { labId, stateDir } };
}

/** Makes the pair, its other end in the namespace of process `peerPid`, and gives the host's end its address. */
export async function makeHostLink(
  name: string,
  peer: { readonly name: string; readonly pid: number },
  owner: { readonly labId: string; readonly stateDir: string },
  addresses: HostLinkAddresses,
): Promise<void> {
  const veth = ['type', 'veth', 'peer', 'name', peer.name, 'netns', String(peer.pid)];
  await run(['ip', 'link', 'add', name, ...veth]);
  await run(['ip', 'link', 'set', name, 'alias', aliasOf(owner.labId, owner.stateDir)]);
  // Without this the kernel would add an IPv6 address: one more thing of ours on the host.
  const lines = [
    `link set ${name} addrgenmode none`,
    `address add ${addresses.host}/30 dev ${name}`,
    `link set ${name} up`,
  ];
  await run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
}

/** Removes the link of this lab and waits until it is gone. Leaves another lab's link of that name. Removes one without an alias: its `up` was interrupted. */
export async function removeHostLink(name: string, labId: string): Promise<void> {
  let complaint = '';
  for (const until = Date.now() + removeTimeoutMs; Date.now() < until; await delay(10)) {
    const link = await findHostLink(name);
    if (link === null || (link.owner !== null && link.owner.labId !== labId)) return;
    // The kernel also removes it, a moment after its namespace is gone, so "no such link" is success. ip(8) ends with 1 when it finds no such link, and with 2 when
    // the link it found is gone by the time it asks the kernel to remove it.
    complaint = (await run(['ip', 'link', 'delete', name], { okCodes: [0, 1, 2] })).stderr.trim();
  }
  throw new Error(`the link ${name} cannot be removed (${complaint}): try "ip link delete ${name}"`);
}
