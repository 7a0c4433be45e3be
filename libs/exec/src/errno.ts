import { getSystemErrorMap } from 'node:util';

/** An errno of the kernel in words, as `ENOENT: no such file or directory`. */
export function getSystemErrorMessage(errno: number): string {
  const known = getSystemErrorMap().get(-errno);
  return known ? `${known[0]}: ${known[1]}` : `errno ${errno}`;
}
