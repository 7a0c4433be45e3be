/** The operator's domain, which the names of all ports end with. */
import { z } from 'zod';

export const dnsSettings = {
  /** As the API's: what the names end with that guests are told. */
  PLUMB_DNS_DOMAIN: z
    .string()
    .max(253)
    .regex(/^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.?)+$/, 'is not a domain name, for example example.org.')
    .transform((text) => (text.endsWith('.') ? text : `${text}.`))
    .prefault('openstacklocal.'),
};
