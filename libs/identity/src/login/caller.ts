/** The caller of a request: what each way to log in (`auth=none`, `builtin`, `keystone`) must find out. */
import type { RoleName } from '../file/roles.js';

export type Identity = Readonly<{
  userId: string;
  projectId: string;
  /** The strongest of admin, member and reader in that project. */
  role: RoleName;
}>;

/** An identity and the request it made. `request`: what it sent, as it is kept with what comes of it; absent where it changes nothing. */
export type Caller = Identity &
  Readonly<{ requestId: string; request?: Readonly<{ method: string; path: string; body?: string | undefined }> }>;

export interface Authenticator {
  /**
   * `token`: the X-Auth-Token header. Rejects with an IdentityError: 'unauthorized' when it is missing or not valid, 'forbidden' when it has no role
   * that is known here, 'unavailable' when it cannot be checked at the moment. `address`: the client's, as limits count it; worked out only for a token that is not
   * known yet.
   */
  authenticate(token: string | undefined, address: () => string): Promise<Identity>;
}
