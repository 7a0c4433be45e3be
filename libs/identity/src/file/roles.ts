/** The reference's three roles: admin implies member implies reader. */
import { z } from 'zod';

export const ROLES = ['reader', 'member', 'admin'] as const;
export const RoleName = z.enum(ROLES, { error: `a role is one of ${ROLES.join(', ')}` });
export type RoleName = z.infer<typeof RoleName>;

/** The strongest of these; undefined when there is none. */
export const strongest = (roles: readonly RoleName[]): RoleName | undefined =>
  ROLES.findLast((each) => roles.includes(each));

/** The weaker of two. */
export const weaker = (one: RoleName, other: RoleName): RoleName =>
  ROLES.indexOf(one) < ROLES.indexOf(other) ? one : other;

/** The role and all it implies, strongest first: what a token names. */
export const implied = (role: RoleName): readonly RoleName[] => ROLES.slice(0, ROLES.indexOf(role) + 1).toReversed();
