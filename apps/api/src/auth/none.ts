/** `auth=none`: everybody is the administrator. The API then listens on loopback only (config.ts), and browser.ts keeps web pages out. */
import type { Authenticator, Identity } from './caller.js';

export const ANONYMOUS: Identity = { userId: 'admin', projectId: 'admin', role: 'admin' };

export const openToAll: Authenticator = { authenticate: () => Promise.resolve(ANONYMOUS) };
