/**
 * Nova's side of the contract: `POST <compute>/os-server-external-events` (Compute API reference, "Create external events").
 *
 *   200, 207         a code for each event: 200 it is on its way to the server's host, 404 no such server, 422 the server is on no host, 400 refused
 *   404 itemNotFound none of the events was taken, each for one of these reasons
 *   400              the request is not as Nova wants it
 *   401              the token is no longer valid: asked once more, with a new one
 *   anything else    Nova has not heard the events
 */
import { type Login, loginFromFile, logIn } from '@plumbline/identity';
import type { ServerEventName } from '@plumbline/topology';
import { z } from 'zod';

/** An event for Nova. `portId` is its tag. */
export type NovaEvent = Readonly<{
  serverId: string;
  portId: string;
  name: ServerEventName;
  status: 'completed' | 'failed';
}>;
/** What became of an event: Nova has it; no host is there to hear it (`gone`); Nova does not want it (`refused`). It is over in each case. */
export type Outcome = 'told' | 'gone' | 'refused';

/** Nova has not heard the events, as far as can be known. They are to be sent again. The message says why, for an operator. */
export class NovaAway extends Error {
  override readonly name = 'NovaAway';
}

/** Nova refused the request as a whole, and would again. */
export class NovaRefuses extends Error {
  override readonly name = 'NovaRefuses';
}

const Answered = z.object({
  events: z.array(
    z.object({ server_uuid: z.string(), name: z.string(), tag: z.string().nullish(), code: z.number().optional() }),
  ),
});
const NotFound = z.object({ itemNotFound: z.unknown() });
const Fault = z.record(z.string(), z.object({ message: z.string() }));

export type NovaClientOptions = Readonly<{
  /** Of the Compute API, `http://host:8774/v2.1`; no slash at its end. */
  url: string;
  /** Who tells Nova (`loginFromFile`); read at each login. */
  credentialsFile: string;
  /** Within which Nova answers, in ms. */
  deadlineMs: number;
}>;

export class NovaClient {
  private token: string | null = null;

  constructor(private readonly options: NovaClientOptions) {}

  /** What became of each event, in their order. Rejects with NovaAway or NovaRefuses; then of none of them it is known that Nova heard it. */
  async tell(events: readonly NovaEvent[]): Promise<readonly Outcome[]> {
    const first = await this.post(events, this.token ?? (await this.newToken()));
    const response = first.status === 401 ? await this.post(events, await this.newToken()) : first;
    const body = await bodyOf(response);
    switch (response.status) {
      case 200:
      case 207:
        return outcomesOf(events, body);
      case 404:
        if (NotFound.safeParse(body).success) return events.map(() => 'gone');
        throw new NovaAway(
          `${this.options.url} is not the address of the Compute API: it answered 404. See PLUMB_NOVA_URL`,
        );
      case 400:
        throw new NovaRefuses(`Nova refuses the request: ${messageOf(body) ?? '400'}`);
      case 401:
      case 403:
        throw new NovaAway(
          `Nova does not let the user of PLUMB_NOVA_CREDENTIALS_FILE send events (${response.status}): it needs the role admin, or what Nova's policy os_compute_api:os-server-external-events:create asks for`,
        );
      default:
        throw new NovaAway(`Nova answered ${response.status}${messageOf(body) ? `: ${messageOf(body)}` : ''}`);
    }
  }

  private async newToken(): Promise<string> {
    let login: Login;
    try {
      login = loginFromFile(this.options.credentialsFile);
    } catch (error) {
      throw new NovaAway(`${this.options.credentialsFile}: ${(error as Error).message}`, { cause: error });
    }
    try {
      return (this.token = await logIn(login));
    } catch (error) {
      throw new NovaAway(`no token for Nova: ${(error as Error).message}`, { cause: error });
    }
  }

  private async post(events: readonly NovaEvent[], token: string): Promise<Response> {
    const { url, deadlineMs } = this.options;
    const body = {
      events: events.map(({ serverId, portId, name, status }) => ({
        server_uuid: serverId,
        name,
        status,
        tag: portId,
      })),
    };
    try {
      return await fetch(`${url}/os-server-external-events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-auth-token': token },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(deadlineMs),
      });
    } catch (error) {
      throw new NovaAway(`Nova (${url}) does not answer: ${causeOf(error)}`, { cause: error });
    }
  }
}

/** The body comes within the same deadline. */
async function bodyOf(response: Response): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    throw new NovaAway(`Nova's answer broke off: ${causeOf(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Nova gives the events back with their codes. One that it leaves out, or gives no code, counts as not heard: then none does, because Nova is another than the one that is documented. */
function outcomesOf(events: readonly NovaEvent[], body: unknown): readonly Outcome[] {
  const answered = Answered.safeParse(body);
  const codes = new Map<string, number>();
  for (const { server_uuid, name, tag, code } of answered.data?.events ?? [])
    if (code !== undefined) codes.set(`${server_uuid} ${name} ${tag ?? ''}`.toLowerCase(), code);
  return events.map(({ serverId, name, portId }) => {
    const code = codes.get(`${serverId} ${name} ${portId}`.toLowerCase());
    if (code === undefined)
      throw new NovaAway('Nova answered without a code for each event: is PLUMB_NOVA_URL a Nova?');
    if (code === 200) return 'told';
    return code === 404 || code === 422 ? 'gone' : 'refused';
  });
}

const messageOf = (body: unknown): string | undefined => Object.values(Fault.safeParse(body).data ?? {})[0]?.message;

const causeOf = (error: unknown): string => {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message || String((cause as { code?: string }).code) : message;
};
