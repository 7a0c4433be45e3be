/**
 * Asks addresses until each has answered. A line of JSON in: `{ addresses, port, timeoutMs, accept?, gone? }`; a line out: `{ ms, missing }`. An answer is a refusal (the
 * host is there and the port is closed) or, with `accept`, only an accepted connection; with `gone`, that a try has had none for a while. Many tries overlap:
 * one that a lost SYN holds up (RFC 6298: a second) must not hold up the answer.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** The pause between two tries of one address. */
const EVERY_MS = 5;

function ask(address, { port, timeoutMs, accept }) {
  return new Promise((resolve) => {
    const open = new Set();
    let timer = null;
    const finish = (answered) => {
      if (timer === null) return;
      clearInterval(timer);
      clearTimeout(limit);
      timer = null;
      for (const socket of open) socket.destroy();
      resolve(answered ? null : address);
    };
    const attempt = () => {
      // Closes a try that got no answer for so long: open files are limited.
      if (open.size > 40) [...open][0].destroy();
      const socket = connect({ host: address, port });
      open.add(socket);
      socket.on('connect', () => finish(true));
      socket.on('error', (error) => !accept && error.code === 'ECONNREFUSED' && finish(true));
      socket.on('close', () => open.delete(socket));
    };
    const limit = setTimeout(() => finish(false), timeoutMs);
    timer = setInterval(attempt, EVERY_MS);
    attempt();
  });
}

/** A try without an answer for this long counts as unanswered. */
const SILENT_MS = 100;

async function silent(address, { port, timeoutMs }) {
  for (const until = Date.now() + timeoutMs; Date.now() < until;) {
    const answered = await new Promise((resolve) => {
      const socket = connect({ host: address, port, timeout: SILENT_MS });
      const said = (what) => () => resolve((socket.destroy(), what));
      socket.on('connect', said(true)).on('timeout', said(false)).on('error', said(false));
    });
    if (!answered) return null;
  }
  return address;
}

process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const start = performance.now();
  const missing = (
    await Promise.all(request.addresses.map((address) => (request.gone ? silent : ask)(address, request)))
  ).filter((each) => each !== null);
  process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, missing })}\n`);
}
