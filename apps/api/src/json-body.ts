/** The body of a request as bytes -> the value that its JSON says. One place, so that every side of the API refuses in the same words. */
import { badRequest } from './errors/edge-error.js';

/** Throws 'bad-request' when there is no body, it is no UTF-8, or it is no JSON. */
export function parseJson(raw: unknown): unknown {
  if (!(raw instanceof Uint8Array) || raw.length === 0) throw badRequest('Resource body required');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch {
    throw badRequest('Malformed request body: cannot understand JSON.');
  }
}
