/** Tags of an object: texts that a client puts on it. */
import { z } from 'zod';
import { type AttributeType, isStorable, list, shown } from './attribute-types.js';
import { invalidAttribute } from '../../errors/edge-error.js';

const LONGEST = 255;
/** Of one object. */
export const MOST_TAGS = 50;

export function tag(value: unknown, attribute = 'tags'): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST || !isStorable(value))
    throw invalidAttribute(attribute, `'${shown(value)}' is not a text of 1 to ${LONGEST} characters`);
  if (value.includes(','))
    throw invalidAttribute(attribute, `'${shown(value)}' holds a comma, which parts the tags of a filter`);
  return value;
}

export const tagList: AttributeType<readonly string[]> = {
  schema: z.array(z.string().min(1).max(LONGEST)).max(MOST_TAGS),
  parse: (value, attribute) => list(value, attribute, MOST_TAGS, tag),
};
