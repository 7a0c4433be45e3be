/** A schema of the OpenAPI document in a few words. */
import type { Json } from './openapi-parts.js';

export function typeText(schema: Json): string {
  const choices = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (choices) return [...new Set(choices.map(typeText))].join(' or ');
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(', ');
  if (schema['type'] === 'array') return `list of ${typeText((schema['items'] ?? {}) as Json)}`;
  if (schema['type'] === 'object' && schema['properties']) return `{${Object.keys(schema['properties']).join(', ')}}`;
  return String(schema['format'] ?? [schema['type'] ?? 'any'].flat().join(' or '));
}
