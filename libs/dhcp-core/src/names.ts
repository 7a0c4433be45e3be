/** Names of addresses in the DNS, as the API shows them (`dns_assignment`). */

/** `domain` with the dot at its end. A name that is absolute stays as it is. */
export function nameOf(dnsName: string, ipAddress: string, domain: string): { fqdn: string; hostname: string } {
  const host = dnsName === '' ? `host-${ipAddress.replace(/[.:]/g, '-')}` : dnsName;
  const fqdn = host.endsWith('.') ? host : `${host}.${domain}`;
  const hostname = host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : host;
  return { fqdn, hostname };
}

/** The name in its network's own domain, by which it may be known outside; null without one, and for one that is absolute. */
export const nameInNetwork = (dnsName: string, networkDomain: string): string | null =>
  dnsName === '' || dnsName.endsWith('.') || networkDomain === '' ? null : `${dnsName}.${networkDomain}`;
