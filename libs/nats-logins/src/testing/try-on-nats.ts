/** Finds out what a NATS login may do by trying it. */
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';

export type Verdict = 'allowed' | 'refused';

/**
 * Logs in with the seed, publishes once and subscribes once. The server answers a refusal only, so each attempt is followed by a round trip. Rejects when the
 * login itself is refused.
 */
export async function tryOnNats(attempt: {
  readonly url: string;
  readonly seed: string;
  readonly publish: string;
  readonly subscribe: string;
}): Promise<{ readonly publish: Verdict; readonly subscribe: Verdict }> {
  const connection = await connect({
    servers: attempt.url,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(attempt.seed)),
    reconnect: false,
    timeout: 5_000,
  });
  const refused: string[] = [];
  const statuses = (async () => {
    for await (const status of connection.status()) if (status.type === 'error') refused.push(String(status.error));
  })();
  try {
    connection.publish(attempt.publish, 'x');
    await connection.flush();
    const subscription = connection.subscribe(attempt.subscribe, { callback: () => {} });
    await connection.flush();
    subscription.unsubscribe();
  } finally {
    await connection.close();
    await statuses;
  }
  const verdict = (kind: string): Verdict =>
    refused.some((text) => text.toLowerCase().includes(kind)) ? 'refused' : 'allowed';
  return { publish: verdict('publish'), subscribe: verdict('subscription') };
}
