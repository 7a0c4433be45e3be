/** PLUMB_QUOTAS: `network=100,port=500`, `*=-1` for every resource. The defaults are the reference's. */

/** Most of each that a project may have; -1: any number. */
const DEFAULT_QUOTAS = {
  network: 100,
  subnet: 100,
  subnetpool: -1,
  port: 500,
  router: 10,
  floatingip: 50,
  rbac_policy: 10,
  security_group: 10,
  security_group_rule: 100,
} as const;

const MOST = 2_147_483_647;

/** Later parts win over earlier ones. */
export function parseQuotas(text: string): { quotas: Readonly<Record<string, number>>; problems: string[] } {
  const quotas: Record<string, number> = { ...DEFAULT_QUOTAS };
  const problems: string[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [, name = '', number = ''] = /^([a-z_]+|\*)\s*=\s*(-1|\d{1,10})$/.exec(part) ?? [];
    const limit = Number(number);
    if (name === '' || limit > MOST)
      problems.push(`'${part}' is not resource=number, for example port=500, or *=-1 for no limit at all`);
    else if (name === '*') for (const each of Object.keys(quotas)) quotas[each] = limit;
    else if (Object.hasOwn(quotas, name)) quotas[name] = limit;
    else problems.push(`'${name}' has no quota; these have: ${Object.keys(quotas).join(', ')}`);
  }
  return { quotas, problems };
}
