/**
 * What runs in the lab's instances: `guest-main.js serve <name> <port>` answers HTTP, `once` ends after the first answer, `fetch <url>` measures.
 *
 *     GET /           the instance's name and who asks
 *     GET /bytes/N    N bytes
 */
import { createServer, get } from 'node:http';

const [verb, subject, portText] = process.argv.slice(2);
if (subject === undefined) throw new Error('usage: guest-main.js serve|once <name> <port>, or fetch <url>');

const mostBytes = 1024 ** 3;
const block = Buffer.alloc(64 * 1024, 'plumbline ');

function serve(name: string, port: number, once: boolean): void {
  const server = createServer((request, response) => {
    const wanted = Number(/^\/bytes\/(\d+)$/.exec(request.url ?? '')?.[1] ?? Number.NaN);
    if (once) response.once('close', () => server.close());
    if (Number.isNaN(wanted)) {
      response.end(`${name} greets ${request.socket.remoteAddress}\n`);
      return;
    }
    let left = Math.min(wanted, mostBytes);
    response.setHeader('Content-Length', left);
    const pump = () => {
      while (left > 0) {
        const piece = block.subarray(0, Math.min(left, block.length));
        left -= piece.length;
        if (!response.write(piece)) {
          response.once('drain', pump);
          return;
        }
      }
      response.end();
    };
    pump();
  });
  server.keepAliveTimeout = 1;
  server.listen(port, '0.0.0.0');
}

function fetchAndMeasure(url: string): void {
  const start = performance.now();
  let bytes = 0;
  const request = get(url, { timeout: 5_000, agent: false }, (response) => {
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    response.on('end', () => console.log(JSON.stringify({ bytes, ms: Math.round(performance.now() - start) })));
  });
  request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
  request.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

if (verb === 'fetch') fetchAndMeasure(subject);
else serve(subject, Number(portText), verb === 'once');
