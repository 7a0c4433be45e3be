/** What a client sent, as it is kept with the events that came of it (contracts, RequestMade): what people ask for later, within bounds and without secrets. */
import { MOST_REQUEST_BODY, type RequestMade } from '@plumbline/contracts';

/** Members of a body whose value nobody should read later, whatever resource has them. */
const SECRET = /pass(?:word|phrase)|secret|token|credential|private|user_?data/i;
/** Bytes of a body beyond which it is not read a second time for this. */
const MOST_READ = 32_768;
const MOST_PATH = 500;

/** `raw`: the body as it came. Null for a request that changes nothing. */
export function requestMade(method: string, url: string, raw: unknown): RequestMade | null {
  if (method === 'GET' || method === 'HEAD') return null;
  const path = url.replace(/\?.*$/s, '').slice(0, MOST_PATH);
  const body = bodyOf(raw);
  return { method, path, ...(body !== null && { body }) };
}

function bodyOf(raw: unknown): string | null {
  if (!Buffer.isBuffer(raw) || raw.length === 0) return null;
  if (raw.length > MOST_READ) return `(${raw.length} bytes)`;
  try {
    const text = JSON.stringify(JSON.parse(raw.toString('utf8')), (name, value: unknown) =>
      SECRET.test(name) ? '***' : value,
    );
    return storable(text.length > MOST_REQUEST_BODY ? `${text.slice(0, MOST_REQUEST_BODY - 1)}…` : text);
  } catch {
    return null; // it is refused for this
  }
}

/** A cut may leave half of a character behind, which no text can hold. */
const storable = (text: string): string => text.replace(/[\ud800-\udbff](?![\udc00-\udfff])/g, '');
