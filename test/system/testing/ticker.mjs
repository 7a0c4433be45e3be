/**
 * A stream that reports its state: `ticker.mjs serve <port>`, `ticker.mjs follow <host> <port>` (TCP), `ticker.mjs echo <host> <port>` (UDP).
 *
 * The server sends a numbered line every 20 ms on each connection, the follower a byte: both ways carry packets. The follower writes a line
 * `{"at", "lines", "gapMs", "ended"}` every 50 ms: lines received, the longest silence between two, and how the stream ended (null while it is open).
 * Numbers that are not in order end the stream as `disorder`. Over UDP a datagram every 20 ms is echoed, a line is an echo, and the stream never ends; `lost` is how many
 * of those that were sent more than a second ago, and after the first that came back, have not come back.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [verb, ...args] = process.argv.slice(2);
const everyMs = 20;

function serve(port) {
  createServer((socket) => {
    let n = 0;
    const timer = setInterval(() => socket.write(`${n++}\n`), everyMs);
    socket.on('error', () => undefined);
    socket.on('close', () => clearInterval(timer));
    socket.resume();
  }).listen(port, '0.0.0.0');
  const echo = createSocket('udp4');
  echo.on('message', (text, { port: from, address }) => echo.send(text, from, address));
  echo.bind(port);
}

function echo(host, port) {
  let lines = 0;
  let gapMs = 0;
  let sent = 0;
  let last = performance.now();
  /** What has not come back, and when it was sent. */
  const underWay = new Map();
  const socket = createSocket('udp4');
  // A refused datagram is a silence like any other.
  socket.on('error', () => undefined);
  socket.on('message', (text) => {
    if (lines === 0) for (const n of underWay.keys()) if (n < Number(text)) underWay.delete(n);
    underWay.delete(Number(text));
    lines += 1;
    last = performance.now();
  });
  setInterval(() => {
    underWay.set((sent += 1), performance.now());
    socket.send(String(sent), port, host, () => undefined);
  }, everyMs);
  setInterval(() => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    const lost = [...underWay.values()].filter((at) => now - at > 1_000).length;
    console.log(JSON.stringify({ at: Date.now(), lines, gapMs: Math.round(gapMs), ended: null, lost }));
  }, 50);
}

function follow(host, port) {
  let lines = 0;
  let gapMs = 0;
  let last = performance.now();
  let rest = '';
  let connected = false;
  const say = (ended) => console.log(JSON.stringify({ at: Date.now(), lines, gapMs: Math.round(gapMs), ended }));
  const end = (how) => {
    say(how);
    process.exit(0);
  };
  const socket = connect({ host, port: Number(port), noDelay: true });
  socket.on('connect', () => {
    connected = true;
    last = performance.now();
    setInterval(() => socket.write('.'), everyMs);
    setInterval(() => {
      gapMs = Math.max(gapMs, performance.now() - last);
      say(null);
    }, 50);
  });
  socket.on('data', (chunk) => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    last = now;
    const found = (rest + chunk).split('\n');
    rest = found.pop() ?? '';
    for (const line of found) {
      if (Number(line) !== lines) end('disorder');
      lines += 1;
    }
  });
  // The server may not listen yet: only what was once connected can end.
  socket.on('error', (error) => (connected ? end(error.code ?? error.message) : setTimeout(follow, 100, host, port)));
  socket.on('close', () => connected && end('closed'));
}

if (verb === 'serve') serve(Number(args[0]));
else if (verb === 'echo') echo(args[0], Number(args[1]));
else follow(args[0], args[1]);
