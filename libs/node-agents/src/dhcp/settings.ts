import { IpAddress } from '@plumbline/contracts';
import { z } from 'zod';
import { dnsSettings } from '../dns-settings.js';
import { metadataSettings } from '../metadata-settings.js';
import { switchSettings } from '../switch-settings.js';

const addresses = z.string().transform((text, context): string[] => {
  const all = text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  for (const each of all)
    if (!IpAddress.safeParse(each).success) context.addIssue({ code: 'custom', message: `'${each}' is no address` });
  return all;
});

export const dhcpSettings = {
  ...switchSettings,
  ...metadataSettings,
  ...dnsSettings,
  /** Name servers that queries for other names go to on networks whose subnets name none. Default: those of the node. */
  PLUMB_DNS_RESOLVERS: addresses.optional(),
};
