/**
 * The clients of the rates benchmark, in a process of their own: HTTP/1.1 over persistent connections, as bytes. A client library would use as much of the machine as the API does.
 * A line of JSON in: `{ host, port, headers, clients, count, method, paths, bodies? }`; request n is of path and body n modulo their number.
 * A line out: `{ ms, totalMs, last }`, `last` being one answer's body, or `{ error }` when an answer was not 2xx. With `endless` there is no count: the next line,
 * `{ stop: true }`, ends it, and the line out has the number of answers of each status. With `everyMs` a request is begun that often, as far as its clients are free.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const END = Buffer.from('\r\n\r\n');
/** The last chunk of a body of no stated length; no JSON holds it, and only one answer is on its way. */
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

/** One connection; `ask` sends a request and returns its response, one at a time. */
function connection(host, port) {
  const socket = connect({ host, port, noDelay: true });
  let parts = [];
  let size = 0;
  let waiting = null;
  let need = 0;
  let chunked = false;
  // Parts are joined once, when the response is complete: a long one has many.
  socket.on('data', (chunk) => {
    parts.push(chunk);
    size += chunk.length;
    if (size < need || (chunked && !endsWith(parts, LAST_CHUNK))) return;
    const heard = parts.length === 1 ? chunk : Buffer.concat(parts, size);
    parts = [heard];
    const end = heard.indexOf(END);
    if (end < 0) return;
    const head = heard.toString('latin1', 0, end);
    chunked = /\r\ntransfer-encoding: chunked/i.test(head);
    if (chunked && !endsWith(parts, LAST_CHUNK)) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    need = chunked ? size : end + 4 + length;
    if (size < need) return;
    const answer = { status: Number(head.slice(9, 12)), body: heard.subarray(end + 4, need), chunked };
    parts = size > need ? [heard.subarray(need)] : [];
    size -= need;
    need = 0;
    chunked = false;
    waiting.resolve(answer);
  });
  const broken = (error) => waiting?.reject(error);
  socket.on('error', broken).on('close', () => broken(new Error('the API closed the connection')));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    end: () => socket.destroy(),
  };
}

/** Whether what came ends in these bytes, however it was cut. */
function endsWith(parts, bytes) {
  const last = parts.at(-1);
  if (last.length >= bytes.length || parts.length === 1) return last.subarray(-bytes.length).equals(bytes);
  return Buffer.concat(parts.slice(-bytes.length)).subarray(-bytes.length).equals(bytes);
}

/** The text of an answer; it is not timed. */
function textOf({ body, chunked }) {
  const parts = [];
  for (let at = 0; chunked;) {
    const end = body.indexOf('\r\n', at);
    const size = parseInt(body.toString('latin1', at, end), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
  return (chunked ? Buffer.concat(parts) : body).toString();
}

function requestsOf({ host, port, headers, method, paths, bodies = [undefined] }) {
  const made = [];
  const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  for (let n = 0; n < Math.max(paths.length, bodies.length); n += 1) {
    const body = bodies[n % bodies.length];
    const head = `${method} ${paths[n % paths.length]} HTTP/1.1\r\nHost: ${host}:${port}\r\n${named.join('')}`;
    const rest =
      body === undefined
        ? '\r\n'
        : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    made.push(Buffer.from(head + rest));
  }
  return made;
}

async function load(job) {
  const requests = requestsOf(job);
  const connections = Array.from({ length: job.clients }, () => connection(job.host, job.port));
  const ms = new Array(job.count);
  let next = 0;
  let last;
  const begin = performance.now();
  try {
    await Promise.all(
      connections.map(async ({ ask }) => {
        while (next < job.count) {
          const n = next++;
          const start = performance.now();
          const answer = await ask(requests[n % requests.length]);
          ms[n] = performance.now() - start;
          if (answer.status >= 300)
            throw new Error(`${job.method} ${job.paths[0]}: ${answer.status} ${textOf(answer)}`);
          last = answer;
        }
      }),
    );
    return { ms, totalMs: performance.now() - begin, last: last && textOf(last) };
  } finally {
    for (const { end } of connections) end();
  }
}

/** Asks until the returned function is called, which resolves with the number of answers of each status. */
function endless(job) {
  const requests = requestsOf(job);
  const connections = Array.from({ length: job.clients }, () => connection(job.host, job.port));
  const statuses = {};
  let stopped = false;
  let next = 0;
  const begin = performance.now();
  const asking = connections.map(async ({ ask }) => {
    while (!stopped) {
      const n = next++;
      if (job.everyMs) await delay(Math.max(0, begin + n * job.everyMs - performance.now()));
      const { status } = await ask(requests[n % requests.length]);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  });
  return async () => {
    stopped = true;
    await Promise.allSettled(asking);
    for (const { end } of connections) end();
    return { statuses };
  };
}

process.stdout.write('{"ready":true}\n');
let stop;
for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  if (job.endless) {
    stop = endless(job);
    continue;
  }
  const answer = await (job.stop ? stop() : load(job)).catch((error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
