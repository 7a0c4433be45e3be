/** Whether and how a node answers its guests' questions for metadata: read by its metadata agent, and by those that lead guests to it. */
import { METADATA_ANSWERERS } from '@plumbline/contracts';
import { z } from 'zod';

export const metadataSettings = { PLUMB_METADATA: z.enum(METADATA_ANSWERERS).default('off') };

export const answersMetadata = ({
  PLUMB_METADATA,
}: Readonly<{ PLUMB_METADATA: (typeof METADATA_ANSWERERS)[number] }>): boolean => PLUMB_METADATA !== 'off';
