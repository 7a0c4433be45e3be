/** Extra DHCP options of a port: one value for each name and IP version (Networking API, extension `extra_dhcp_opt`). */
import type { ExtraDhcpOpt } from '@plumbline/contracts';

/** Null removes the option. */
export type RequestedDhcpOption = Readonly<{ name: string; value: string | null; ipVersion: 4 | 6 }>;

/** Options that may be empty: the server then does not send them, where it would by default. */
const MAY_BE_EMPTY: readonly string[] = ['router', 'classless-static-route'];

const isValue = (name: string, value: string | null): value is string =>
  value !== null && (value !== '' || MAY_BE_EMPTY.includes(name));

/** The port's options after the request: added, replaced or removed; those that are not named stay. */
export function mergedOptions(now: readonly ExtraDhcpOpt[], requested: readonly RequestedDhcpOption[]): ExtraDhcpOpt[] {
  const keyOf = ({ name, ipVersion }: Pick<ExtraDhcpOpt, 'name' | 'ipVersion'>) => `${ipVersion} ${name}`;
  const options = new Map(now.map((option) => [keyOf(option), option]));
  for (const { name, value, ipVersion } of requested) {
    const key = keyOf({ name, ipVersion });
    if (isValue(name, value)) options.set(key, { name, value, ipVersion });
    else if (value === null) options.delete(key);
  }
  return [...options.values()];
}
