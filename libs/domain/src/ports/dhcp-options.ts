/** Extra DHCP options of a port: one value for each name and IP version (Networking API, extension `extra_dhcp_opt`). */
import type { ExtraDhcpOpt } from '@plumbline/contracts';

/** Null takes the option away. */
export type WishedDhcpOption = Readonly<{ name: string; value: string | null; ipVersion: 4 | 6 }>;

/** Options that may be empty: then the server sends none where it would by itself. */
const MAY_BE_EMPTY: readonly string[] = ['router', 'classless-static-route'];

const isValue = (name: string, value: string | null): value is string =>
  value !== null && (value !== '' || MAY_BE_EMPTY.includes(name));

/** What there is, and what is wished beside it or in its place. What is not named stays. */
export function mergedOptions(now: readonly ExtraDhcpOpt[], wished: readonly WishedDhcpOption[]): ExtraDhcpOpt[] {
  const keyOf = ({ name, ipVersion }: Pick<ExtraDhcpOpt, 'name' | 'ipVersion'>) => `${ipVersion} ${name}`;
  const options = new Map(now.map((option) => [keyOf(option), option]));
  for (const { name, value, ipVersion } of wished) {
    const key = keyOf({ name, ipVersion });
    if (isValue(name, value)) options.set(key, { name, value, ipVersion });
    else if (value === null) options.delete(key);
  }
  return [...options.values()];
}
