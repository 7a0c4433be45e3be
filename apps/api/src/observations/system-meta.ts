import { randomUUID } from 'node:crypto';
import type { Meta } from '@plumbline/contracts';

/** Of what the control plane decides by itself. */
export const systemMeta = (): Meta => ({
  requestId: `req-${randomUUID()}`,
  userId: 'plumbline',
  projectId: '',
  time: new Date().toISOString(),
});
