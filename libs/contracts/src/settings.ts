/** Words that settings of a node's agents may have. Without schemas: commands that show them are to start at once. */

/** `openflow`: flows of br-int. `hybrid`: iptables on a bridge for each port, which the plugger makes. `none`: nothing is enforced. */
export const FIREWALLS = ['openflow', 'hybrid', 'none'] as const;
export type Firewall = (typeof FIREWALLS)[number];
/** Where PLUMB_FIREWALL is not set. */
export const DEFAULT_FIREWALL: Firewall = 'openflow';

/** Who answers guests that ask for metadata. off: nobody. builtin: the node itself. nova: Nova does, asked by the node. */
export const METADATA_ANSWERERS = ['off', 'builtin', 'nova'] as const;
