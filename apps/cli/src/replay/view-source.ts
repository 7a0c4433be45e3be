/**
 * Where a host's view comes from when a node is replayed: the running API, the log's database with the control plane down, or a file made earlier by either.
 * All three give the same message, a full view, which goes through the same `fold` as an agent's feed. The database is in database-view.ts: what reads it is loaded
 * when it is asked.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { FeedMessage } from '@plumbline/contracts';
import { DoesNotAnswer } from '@plumbline/identity';
import { parseFeed } from '@plumbline/messaging';
import { emptyView, fold, type HostView, lacksUnreadable } from '@plumbline/topology';

/** The API's log has not come to the position that was asked for. */
export class NoSuchView extends Error {
  override readonly name = 'NoSuchView';
}

/** The same from the running API (`GET /plumbline/v1/nodes/<host>/view`). `token` gets an administrator's token, or null when the API needs no login. */
export async function viewFromApi(
  endpoint: string,
  host: string,
  token: () => Promise<string | null>,
  at?: number,
): Promise<FeedMessage> {
  const url = new URL(`/plumbline/v1/nodes/${encodeURIComponent(host)}/view`, endpoint);
  if (at !== undefined) url.searchParams.set('at', String(at));
  const known = await token().catch((error: unknown) => {
    if (!(error instanceof DoesNotAnswer)) throw error;
    throw new Error(`${error.message}; with the control plane down, use --database`, { cause: error });
  });
  const response = await fetch(url, {
    signal: AbortSignal.timeout(60_000),
    ...(known !== null && { headers: { 'X-Auth-Token': known } }),
  }).catch((reason: unknown) => {
    const cause = reason instanceof Error ? (reason.cause ?? reason) : reason;
    throw new Error(
      `the API at ${endpoint} does not answer (${cause instanceof Error ? cause.message : String(cause)}); with the control plane down, use --database`,
    );
  });
  if (response.status === 401)
    throw new Error(
      `the API at ${endpoint} asks who you are: set OS_TOKEN, or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME of an administrator`,
    );
  const body: unknown = await response.json();
  if (!response.ok) {
    const why = `the API refused the view of ${host}: ${messageOf(body) ?? response.statusText}`;
    throw response.status === 400 ? new NoSuchView(why) : new Error(why);
  }
  return asView(body, `the API at ${endpoint}`);
}

function messageOf(body: unknown): string | null {
  const { NeutronError, error } = (body ?? {}) as Readonly<Record<string, { message?: string } | undefined>>;
  return (NeutronError ?? error)?.message ?? null;
}

/** A view that was written to a file by `--save`; `-` is standard input. */
export async function viewFromFile(path: string): Promise<FeedMessage> {
  const content = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  return asView(JSON.parse(content), path === '-' ? 'standard input' : path);
}

/** Parsed like a message of an agent's feed: unknown parts that a later release added are left out. */
function asView(body: unknown, from: string): FeedMessage {
  const message = parseFeed(body);
  if (!message || !('part' in message)) throw new Error(`what came from ${from} is not a node's view`);
  return message;
}

/** The view that an agent would have after this message. Throws when this release cannot read all of it, because a replay removes what the view does not contain. */
export function viewOf(message: FeedMessage): HostView {
  const view = emptyView(message.host);
  fold(view, message);
  if (lacksUnreadable(view))
    throw new Error(
      `the view holds objects of a later release that this one cannot read (${[...view.frozen.keys()].join(', ')}): use the "plumb" of that release`,
    );
  return view;
}
