/** Attribute type of a subnet's service types. */
import { z } from 'zod';
import { DomainError } from '@plumbline/domain';
import { list, orAnyEmpty, shown, text } from './attribute-types.js';

const MOST = 64;
const type = text();

/** A list of device owners, or null, "" or {} for none; the domain checks that it knows each. */
export const serviceTypes = orAnyEmpty<string>({
  schema: z.array(z.string()),
  parse: (value, attribute) =>
    list(value, attribute, MOST, (item) => {
      if (typeof item !== 'string')
        throw new DomainError(
          'InvalidInputSubnetServiceType',
          'bad-request',
          `Subnet service type ${shown(item)} is not a string.`,
          attribute,
        );
      return type.parse(item, attribute);
    }),
});
