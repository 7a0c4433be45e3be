/** A password from a file, from standard input, or typed twice without being shown. */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const CTRL_C = '\u0003';
const BACKSPACE = ['\u007f', '\b'];
const ENTER = ['\r', '\n', '\u0004'];

/** `file`: `-` is standard input, which is also read when it is not a terminal. The password is one line. Throws when it is empty. */
export async function readPassword(file: string | undefined, who: string): Promise<string> {
  const given =
    file !== undefined && file !== '-'
      ? readFileSync(file, 'utf8')
      : file === '-' || !process.stdin.isTTY
        ? await text(process.stdin)
        : await typedTwice(who);
  const password = given.replace(/\r?\n$/, '');
  if (password === '') throw new Error('an empty password lets everybody in: give another one');
  if (/[\r\n]/.test(password)) throw new Error('a password is one line');
  return password;
}

async function typedTwice(who: string): Promise<string> {
  const first = await typed(`Password of ${who}: `);
  if ((await typed('Once more: ')) !== first) throw new Error('the two passwords differ: nothing was changed');
  return first;
}

function typed(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const { stdin } = process;
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (): void => {
      stdin.off('data', hear);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write('\n');
    };
    const hear = (chunk: string): void => {
      for (const character of chunk) {
        if (character === CTRL_C) {
          end();
          reject(new Error('nothing was changed'));
          return;
        }
        if (ENTER.includes(character)) {
          end();
          resolve(line);
          return;
        }
        line = BACKSPACE.includes(character) ? [...line].slice(0, -1).join('') : line + character;
      }
    };
    stdin.on('data', hear);
  });
}
