/** Who asks: what each way to log in (`auth=none`, `builtin`, `keystone`) must be able to say of a request. */
import type { RoleName } from '../file/roles.js';

export type Identity = Readonly<{
  userId: string;
  projectId: string;
  /** The strongest of admin, member and reader in that project. */
  role: RoleName;
}>;

/** An identity and the request it made. */
export type Caller = Identity & Readonly<{ requestId: string }>;

export interface Authenticator {
  /**
   * `token`: the X-Auth-Token header. Rejects with an IdentityError: 'unauthorized' when it says nothing or nothing valid, 'forbidden' when it has no role
   * that counts here, 'unavailable' when nobody can tell at the moment.
   */
  authenticate(token: string | undefined): Promise<Identity>;
}
