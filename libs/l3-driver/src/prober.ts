/**
 * Probes a segment for an address before we use it: an ARP probe (RFC 5227 section 2.1), for IPv6 the neighbour solicitation of duplicate
 * address detection (RFC 4862 section 5.4). Three times in a second: the port may have been wired a moment ago, its flows come right after its tag.
 * The RFC's own times, up to seven seconds, are for hosts that nobody waits for. All addresses of a node are one request to the exec helper.
 *
 * A host that probes for the address at the same time counts as having it: when two nodes boot alone, both hold the address back, and their next tries come at
 * different times.
 */
import { FrameQuestion, Runner } from '@plumbline/exec';
import { addressHex, Probe, ProbeAnswer } from '@plumbline/l3-core';
import { hex, icmp6Checksum } from './icmp6.js';

/** The helper has a socket for each device, and 1024 descriptors. */
const AT_ONCE = 500;
const TIMES = 3;

/** Contract: L3Driver.probe, for ports that are wired. Answers after `forMs`. */
export async function probeAddresses(
  runner: Runner,
  probes: readonly Probe[],
  forMs: number,
): Promise<readonly ProbeAnswer[]> {
  const parts: (readonly Probe[])[] = [];
  for (let at = 0; at < probes.length; at += AT_ONCE) parts.push(probes.slice(at, at + AT_ONCE));
  const answers = await Promise.all(
    parts.map((part) => runner.askFrames(part.map(questionOf), { forMs, times: TIMES })),
  );
  return answers.flat().map(({ frame, error }): ProbeAnswer => {
    if (error !== null) return { kind: 'unknown', reason: error };
    if (frame === null) return { kind: 'free' };
    return { kind: 'taken', mac: [...frame.slice(6, 12)].map((byte) => hex(byte, 1)).join(':') };
  });
}

/** So many bytes of whatever value, in a pattern. */
const any = (bytes: number): string => '..'.repeat(bytes);

export const questionOf = (probe: Probe): FrameQuestion => {
  const { netns, device, mac, address } = probe;
  const from = mac.replaceAll(':', '');
  const { frame, answers } = address.includes(':') ? solicitation(from, address) : arpProbe(from, address);
  return { netns, device, frame: Buffer.from(frame, 'hex'), answers };
};

function arpProbe(from: string, address: string): { frame: string; answers: string[] } {
  const ip = addressHex(address);
  const arp = '08060001080006040001';
  const toEveryone = 'ff'.repeat(6);
  return {
    frame: [toEveryone, from, arp, from, '00'.repeat(4), '00'.repeat(6), ip].join(''),
    answers: [
      // Request or answer, its sender has the address.
      `${any(12)}0806000108000604${any(2)}${any(6)}${ip}`,
      // A probe for it by somebody else.
      `${any(12)}${arp}${any(6)}${'00'.repeat(4)}${any(6)}${ip}`,
    ],
  };
}

const UNSPECIFIED = '00'.repeat(16);

/** RFC 4861 section 4.3, from the unspecified address to the solicited-node group. */
function solicitation(from: string, address: string): { frame: string; answers: string[] } {
  const ip = addressHex(address);
  const group = `ff0200000000000000000001ff${ip.slice(-6)}`;
  const length = 24;
  const unsigned = `8700000000000000${ip}`;
  const sum = icmp6Checksum(UNSPECIFIED, group, unsigned);
  const message = `8700${hex(sum, 2)}00000000${ip}`;
  return {
    frame: ['3333ff', ip.slice(-6), from, '86dd60000000', hex(length, 2), '3aff', UNSPECIFIED, group, message].join(''),
    answers: [
      // An advertisement of the address.
      `${any(12)}86dd${any(6)}3a${any(1)}${any(32)}88${any(7)}${ip}`,
      // Duplicate address detection for it by somebody else.
      `${any(12)}86dd${any(6)}3a${any(1)}${UNSPECIFIED}${any(16)}87${any(7)}${ip}`,
    ],
  };
}
