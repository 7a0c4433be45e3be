/** A neighbour of the fake node: reads ARP probes and neighbour solicitations as a real one would, and answers. */
import { addressOfHex } from '@plumbline/l3-core';

/** The address that a frame asks for, and what a neighbour that has it sends, in hex. Throws when the frame asks for none. */
export function askedBy(frame: Uint8Array): { address: string; advertised: (mac: string) => string } {
  const hex = Buffer.from(frame).toString('hex');
  const arp = /^f{12}([0-9a-f]{12})08060001080006040001\1(?:00){10}([0-9a-f]{8})$/.exec(hex);
  if (arp) {
    const [, from = '', ip = ''] = arp;
    return {
      address: addressOfHex(ip),
      advertised: (mac) => `${from}${bare(mac)}08060001080006040002${bare(mac)}${ip}${from}00000000`,
    };
  }
  const solicited =
    /^3333ff([0-9a-f]{6})[0-9a-f]{12}86dd6000000000183aff(?:00){16}ff0200000000000000000001ff(?:\1)8700([0-9a-f]{4})00000000([0-9a-f]{26}\1)$/.exec(
      hex,
    );
  if (!solicited) throw new Error(`the fake node's neighbours do not understand: ${hex}`);
  const ip = solicited[3] ?? '';
  return {
    address: addressOfHex(ip),
    advertised: (mac) =>
      `333300000001${bare(mac)}86dd6000000000203aff${ip}ff02${'00'.repeat(13)}0188000000a0000000${ip}0201${bare(mac)}`,
  };
}

const bare = (mac: string): string => mac.replaceAll(':', '');
