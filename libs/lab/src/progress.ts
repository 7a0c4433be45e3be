/** What the user sees while the lab is made: one line for each stage, with the seconds since the start and the seconds it took. */

export interface Progress {
  say(text: string): void;
  /** A line as it is. */
  print(line: string): void;
  /** Runs `work` and says so when it is done. */
  stage<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** Lines on standard output. */
export function printProgress(): Progress {
  const start = Date.now();
  const say = (text: string) => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(5)} s  ${text}`);
  return {
    say,
    print: (line) => console.log(line),
    async stage(name, work) {
      const began = Date.now();
      const result = await work();
      say(`${name} (${Date.now() - began} ms)`);
      return result;
    },
  };
}

/** Prints nothing: for tests. */
export const silent: Progress = { say: () => {}, print: () => {}, stage: (_name, work) => work() };
