/** Where the time of a run goes. */
import { loadavg } from 'node:os';

const SLOWEST = 10;

export class Timings {
  #started = Date.now();
  #specs = [];

  /** `level` may have more words after its name. */
  add(level, specs) {
    for (const { file, seconds } of specs) this.#specs.push({ level: level.split(' ')[0], file, seconds });
  }

  /** The slowest specs, the sum of each level, and the whole. */
  lines() {
    if (this.#specs.length === 0) return [];
    const slowest = [...this.#specs].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
    const sums = new Map();
    for (const { level, seconds } of this.#specs) sums.set(level, (sums.get(level) ?? 0) + seconds);
    const minutes = (seconds) => (seconds / 60).toFixed(1);
    return [
      '',
      'slowest specs, in seconds:',
      ...slowest.map(({ level, file, seconds }) => `${seconds.toFixed(1).padStart(7)}  ${level.padEnd(5)} ${file}`),
      `minutes of specs: ${[...sums].map(([level, seconds]) => `${level} ${minutes(seconds)}`).join(', ')}`,
      `minutes in all: ${minutes((Date.now() - this.#started) / 1000)} (load at the end: ${loadavg()[0]?.toFixed(1)})`,
    ];
  }
}
