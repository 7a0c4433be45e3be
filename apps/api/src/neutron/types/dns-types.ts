/** DNS names as the API takes them (alias dns-integration): labels of RFC 1123, kept in lower case. */
import { z } from 'zod';
import { type AttributeType, shown, text } from './attribute-types.js';
import { invalidAttribute } from '../../errors/edge-error.js';

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST = 253;

function named(value: unknown, attribute: string, what: string): string {
  const given = text().parse(value, attribute).toLowerCase();
  if (given === '') return given;
  const wrong = (reason: string) =>
    invalidAttribute(attribute, `'${shown(given)}' not a valid ${what}. Reason: ${reason}`);
  const labels = (given.endsWith('.') ? given.slice(0, -1) : given).split('.');
  if (given.length > LONGEST) throw wrong(`'${shown(given)}' exceeds the ${LONGEST} character FQDN limit`);
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad !== undefined)
    throw wrong(
      bad === ''
        ? 'Encountered an empty component'
        : `Name '${shown(bad)}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen`,
    );
  const top = labels.at(-1) as string;
  if (labels.length > 1 && /^\d+$/.test(top)) throw wrong(`TLD '${top}' must not be all numeric`);
  if (given.endsWith('.') && labels.length === 1) throw wrong(`'${shown(given)}' is a single label with a dot`);
  return given;
}

/** A name of one or more labels, or one with a dot at its end; '' is none. */
export const dnsName: AttributeType<string> = {
  schema: z.string().max(LONGEST),
  parse: (value, attribute) => named(value, attribute, 'PQDN or FQDN'),
  filter: (value) => value.toLowerCase(),
};

/** As `dnsName`, with the dot at its end. */
export const dnsDomain: AttributeType<string> = {
  schema: z.string().max(LONGEST),
  parse: (value, attribute) => {
    const domain = named(value, attribute, 'domain name');
    if (domain !== '' && !domain.endsWith('.')) throw invalidAttribute(attribute, `'${shown(domain)}' is not a FQDN`);
    return domain;
  },
  filter: (value) => value.toLowerCase(),
};
