/** Settings of agents that work on Open vSwitch. */
import { z } from 'zod';

export const switchSettings = {
  PLUMB_OVSDB: z
    .string()
    .regex(/^(unix:\/.+|tcp:.+:\d+)$/, 'is not unix:/path or tcp:host:port')
    .default('unix:/run/openvswitch/db.sock'),
};
