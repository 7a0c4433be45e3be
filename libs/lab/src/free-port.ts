/** TCP ports of this host's loopback. */
import { createServer } from 'node:net';

/** A free port from the system's ephemeral range. */
export const freePort = (): Promise<number> => bind(0);

/** `first`, or the next free port above it. Gives up after a hundred. */
export async function nextFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port += 1) {
    const free = await bind(port).catch(() => null);
    if (free !== null) return free;
  }
  throw new Error(`ports ${first} to ${first + 99} of 127.0.0.1 are all taken`);
}

function bind(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
