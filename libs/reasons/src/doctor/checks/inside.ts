/** What is seen of a router's namespace, for the checks that judge it. */
import type { Router } from '@plumbline/contracts';
import { type Answers, answered, type Facts, type Verdict } from '../check.js';

/** A router that is on a node, and up. */
export const hostOf = ({ host, adminStateUp }: Router): string | null => (adminStateUp ? host : null);

/** Judges a router by what is seen of its namespace. */
export function insideOf(
  router: Router,
  facts: Facts,
  judge: (seen: Answers['namespace'], host: string) => Verdict,
): Verdict {
  const host = hostOf(router);
  if (host === null) return null;
  const given = answered(facts.namespace(host, 'router', router.id));
  return 'verdict' in given ? given.verdict : judge(given.told, host);
}
