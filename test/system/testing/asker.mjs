/**
 * A guest that asks for metadata all the time: `asker.mjs <url>`. Every 200 ms it asks on a connection of its own, and every 50 ms it writes a line
 * `{"at", "answers", "cut", "gapMs"}`: how many questions were answered, and answered with an error or broken off, and the longest time without an answer.
 */
import { get } from 'node:http';

const [url] = process.argv.slice(2);
const GIVEN_UP_MS = 20_000;
let answers = 0;
let cut = 0;
let gapMs = 0;
let last = performance.now();

function answered(good) {
  if (!good) return void (cut += 1);
  const now = performance.now();
  gapMs = Math.max(gapMs, now - last);
  last = now;
  answers += 1;
}

function ask() {
  let told = false;
  const tell = (good) => {
    if (!told) answered(good);
    told = true;
  };
  const request = get(url, { agent: false, timeout: GIVEN_UP_MS }, (response) => {
    response.resume();
    response.on('end', () => tell(response.statusCode === 200));
    response.on('error', () => tell(false));
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => tell(false));
}

setInterval(ask, 200);
setInterval(() => {
  const silentMs = Math.round(Math.max(gapMs, performance.now() - last));
  console.log(JSON.stringify({ at: Date.now(), answers, cut, gapMs: silentMs }));
}, 50);
