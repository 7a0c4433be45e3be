/**
 * A DHCP client whose lease is always half over: `renewer.mjs <server> <address> <MAC>`. Every 100 ms it asks the server, from its address, to renew it (RFC 2131,
 * section 4.3.2, RENEWING), and every 50 ms it writes a line `{"at", "answers", "refused", "gapMs"}`: how often the lease was renewed and refused, and the longest
 * time without a renewal.
 */
import { createSocket } from 'node:dgram';

const [server, address, mac] = process.argv.slice(2);
const MESSAGE_TYPE = 53;
const [REQUEST, ACK, NAK] = [3, 5, 6];
const bytesOf = (text, separator, base) => text.split(separator).map((part) => parseInt(part, base));

/** Fixed fields, the magic cookie, one option. */
function request(id) {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6, 0], 0);
  message.writeUInt32BE(id >>> 0, 4);
  message.set(bytesOf(address, '.', 10), 12);
  message.set(bytesOf(mac, ':', 16), 28);
  message.set([0x63, 0x82, 0x53, 0x63, MESSAGE_TYPE, 1, REQUEST, 255], 236);
  return message;
}

function typeOf(message) {
  for (let at = 240; at < message.length && message[at] !== 255; at += message[at] === 0 ? 1 : 2 + message[at + 1])
    if (message[at] === MESSAGE_TYPE) return message[at + 2];
  return null;
}

let answers = 0;
let refused = 0;
let gapMs = 0;
let last = performance.now();
let id = 0;
const socket = createSocket('udp4');
// A server that does not run refuses a datagram; that is a silence like any other.
socket.on('error', () => undefined);
socket.on('message', (message) => {
  const type = typeOf(message);
  // Another client of this host may ask at the same time: what it is offered comes here, too.
  if (type !== ACK && type !== NAK) return;
  const now = performance.now();
  gapMs = Math.max(gapMs, now - last);
  last = now;
  if (type === ACK && message.subarray(16, 20).equals(Buffer.from(bytesOf(address, '.', 10)))) answers += 1;
  else refused += 1;
});
socket.bind(68, address, () => setInterval(() => socket.send(request((id += 1)), 67, server, () => undefined), 100));
setInterval(() => {
  const silentMs = Math.round(Math.max(gapMs, performance.now() - last));
  console.log(JSON.stringify({ at: Date.now(), answers, refused, gapMs: silentMs }));
}, 50);
