/** The control socket of ovs-vswitchd: where it is, and what is asked over it without a process. */
import { readdir, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';

/** The control socket of ovs-vswitchd; null: there is none. The youngest: a switch that was killed leaves its own behind. */
export async function controlSocketIn(runDir: string): Promise<string | null> {
  const names = await readdir(runDir).catch(() => []);
  const sockets = await Promise.all(
    names
      .filter((name) => /^ovs-vswitchd(\.\d+)?\.ctl$/.test(name))
      .map(async (name) => {
        const path = join(runDir, name);
        return {
          path,
          made: await stat(path)
            .then(({ mtimeMs }) => mtimeMs)
            .catch(() => 0),
        };
      }),
  );
  return sockets.sort((a, b) => b.made - a.made)[0]?.path ?? null;
}

/** The switch does not answer: it is away, or not there again yet. */
export class SwitchAway extends Error {
  override readonly name = 'SwitchAway';
}

/** One command of ovs-vswitchd(8), as `ovs-appctl` sends it: JSON-RPC, an answer each. Rejects with SwitchAway, and with the switch's words for a command that it refuses. */
export function askSwitch(
  socketPath: string,
  method: string,
  params: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath, ...(signal && { signal }) });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', (error) => reject(new SwitchAway(error.message)));
    socket.on('data', (chunk: string) => {
      text += chunk;
      // An answer is one object; a part of it is no JSON.
      if (!text.trimEnd().endsWith('}')) return;
      let answer: { result: unknown; error: unknown };
      try {
        answer = JSON.parse(text) as typeof answer;
      } catch {
        return;
      }
      socket.destroy();
      if (answer.error === null) resolve(String(answer.result));
      else reject(new Error(String(answer.error)));
    });
    socket.on('close', () => reject(new SwitchAway('it closed its control socket')));
    socket.write(JSON.stringify({ id: 0, method, params }));
  });
}
