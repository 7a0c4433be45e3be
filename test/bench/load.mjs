/** Clients in a process of their own (load-child.mjs). */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `run(job)`: one job after the other; `close` ends the process. `base`: the API's URL; `headers` are sent with each request. */
export async function startLoad(base, headers) {
  const { hostname: host, port } = new URL(base);
  const child = spawn(process.execPath, [fileURLToPath(new URL('load-child.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the clients of the benchmark ended early');
    return JSON.parse(value);
  };
  await line();
  return {
    pid: child.pid,
    async run(job) {
      child.stdin.write(`${JSON.stringify({ host, port: Number(port), headers, ...job })}\n`);
      const answer = await line();
      if (answer.error) throw new Error(answer.error);
      return answer;
    },
    /** Requests without end, whatever is answered, until `stop`, which resolves with the number of answers of each status. */
    start(job) {
      child.stdin.write(
        `${JSON.stringify({ host, port: Number(port), headers, ...job, count: Infinity, endless: true })}\n`,
      );
      return {
        async stop() {
          child.stdin.write('{"stop":true}\n');
          return (await line()).statuses;
        },
      };
    },
    close: () => void child.stdin.end(),
  };
}
