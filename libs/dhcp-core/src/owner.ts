/** Whose processes those of a host are, in the form that libs/processes asks for: hosts may be called anything from `CMP1` to `fe80::1`. */

const MOST = 100;

/** `lab`: of the node's lab, since hosts have the same names in each lab of a machine; null: none. */
export const processOwnerOf = (host: string, lab: string | null): string =>
  `dhcp-${lab === null ? host : `${lab}-${host}`}`
    .replace(/[^a-z0-9.-]/g, (char) => `_${char.charCodeAt(0).toString(16)}`)
    .slice(0, MOST);
