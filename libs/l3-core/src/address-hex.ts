/** Addresses as they are in a frame, for drivers. */
import { addressToInt, intToAddress, versionOf } from '@plumbline/contracts';

/** 8 hex digits of an IPv4 address, 32 of an IPv6 one. */
export const addressHex = (address: string): string =>
  addressToInt(address)
    .toString(16)
    .padStart(versionOf(address) === 4 ? 8 : 32, '0');

/** The reverse, canonical. */
export const addressOfHex = (hex: string): string => intToAddress(BigInt(`0x${hex}`), hex.length === 8 ? 4 : 6);
