/** What checks have in common in what they say and ask. */

export const nameOf = (object: Readonly<{ id: string; name: string }>): string => object.name || object.id;

/** Of an ARP probe (RFC 5227): whoever asks has no address yet. */
export const NOWHERE = '0.0.0.0';
export const NO_MAC = '00:00:00:00:00:00';
