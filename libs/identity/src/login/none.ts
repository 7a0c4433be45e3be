/** `auth=none`: everybody is the administrator. The API then listens on loopback only, and refuses requests of web pages (apps/api/src/config.ts, identity/browser.ts). */
import type { Authenticator, Identity } from './caller.js';

export const ANONYMOUS: Identity = { userId: 'admin', projectId: 'admin', role: 'admin' };

export const openToAll: Authenticator = { authenticate: () => Promise.resolve(ANONYMOUS) };
