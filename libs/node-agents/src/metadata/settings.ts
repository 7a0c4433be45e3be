import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { dnsSettings } from '../dns-settings.js';
import { metadataSettings } from '../metadata-settings.js';
import { switchSettings } from '../switch-settings.js';

export const metadataAgentSettings = {
  ...switchSettings,
  ...metadataSettings,
  ...dnsSettings,
  /** Nova's metadata API, as this node reaches it. */
  PLUMB_NOVA_METADATA_URL: z
    .url({ protocol: /^https?$/, error: 'is not http://host:port or https://host:port' })
    .default('http://127.0.0.1:8775'),
  /** One line: `metadata_proxy_shared_secret` of nova.conf. */
  PLUMB_NOVA_METADATA_SECRET_FILE: z
    .string()
    .refine(isAbsolute, { error: 'is not an absolute path' })
    .default('/etc/plumbline/nova-metadata.secret'),
};
