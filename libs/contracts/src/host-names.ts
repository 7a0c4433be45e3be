/**
 * What a machine may be called, and how its name is written where not every character may stand (docs/adr/0006, section 6).
 *
 * Nova reports fully qualified names and addresses as hosts, so both are names. In events, objects, claims and answers a name stands as it is. In NATS subjects,
 * file names and unit names it is encoded, because a dot separates the parts of a subject:
 *
 *     letters, digits, _ and -    themselves    cmp1                cmp1
 *     .                           :             cmp3.example.org    cmp3:example:org
 *     :                           ::3a          fe80::1             fe80::3a::3a1
 *
 * A name without dots and colons is its own encoding. No two names share one: a name has no two dots in a row, so `::` always begins `::3a`. Names are compared
 * byte by byte, and the encoding keeps upper and lower case.
 * Roads not taken: percent signs, which systemd replaces in unit names; a hash, from which nobody reads the name.
 */
import { z } from 'zod';

const longest = 253;
/** The name of the control plane's own login. */
const CONTROL_PLANE = 'api';

/** The encoding of a name that `HostName` accepts. Injective; `decodeHost` is its inverse. */
export const encodeHost = (host: string): string =>
  host.replace(/[.:]/g, (character) => (character === '.' ? ':' : '::3a'));

/** The name that is encoded so; null for a text that is the encoding of no name. */
export function decodeHost(text: string): string | null {
  const host = text.replace(/::3a|:/g, (code) => (code === ':' ? '.' : ':'));
  return HostName.safeParse(host).success && encodeHost(host) === text ? host : null;
}

/** Any name that a stored event or an object may bear. */
export const HostName = z
  .string()
  .regex(
    /^[A-Za-z0-9:][A-Za-z0-9._:-]{0,252}$/,
    `1 to ${longest} letters, digits, ".", "_", "-" and ":", beginning with a letter, a digit or ":"`,
  )
  .refine((host) => !host.includes('..') && !host.endsWith('.'), 'no dot at its end and no two dots in a row')
  .refine((host) => encodeHost(host).length <= longest, `at most ${longest} characters, of which a ":" counts as four`);

/** The name of a machine as an operator or a client gives it: not that of the control plane's login. */
export const MachineName = HostName.refine((host) => host !== CONTROL_PLANE, {
  error: `not "${CONTROL_PLANE}", which is the control plane's own name`,
});

/** What is wrong with a name, to follow "<name> cannot be a host's name: "; null when nothing is. */
export const faultOfHost = (host: string): string | null => {
  const parsed = MachineName.safeParse(host);
  return parsed.success ? null : (parsed.error.issues[0]?.message ?? '');
};
