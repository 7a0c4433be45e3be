/** What only networks refuse, in the reference's names and words. */
import { DomainError } from '../errors.js';

export const invalidSharedSetting = (network: string) =>
  new DomainError(
    'InvalidSharedSetting',
    'conflict',
    `Unable to reconfigure sharing settings for network ${network}. Multiple tenants are using it.`,
  );
export const segmentsWithProvider = () =>
  new DomainError(
    'SegmentsSetInConjunctionWithProviders',
    'bad-request',
    'Segments and provider values cannot both be set.',
  );
