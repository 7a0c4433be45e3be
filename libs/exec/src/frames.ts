// The wire between HelperProcess and its process (helper/spawner.pl states the format). All integers are 32-bit
// big-endian.

/** Types of request, as helper/spawner.pl numbers them. Others are questions to the kernel (kernel-questions.ts). */
export const requestType = { run: 1, kill: 4, detach: 9, follow: 10 } as const;

/** Kinds of answer, as the helper numbers them. */
export const answerKind = { exited: 0, signalled: 1, noNetns: 2, notStarted: 3, more: 4 } as const;

/** One answer of the helper. `value` is an exit code, a signal number or an errno, as `kind` says. */
export interface Answer {
  readonly id: number;
  readonly kind: number;
  readonly value: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** One request as bytes, its length first. `fields` come after id, type and namespace: counts and strings in order. */
export function encodeRequest(id: number, type: number, netns: string, fields: readonly (number | string)[]): Buffer {
  const all = [netns, ...fields];
  const size = all.reduce<number>(
    (sum, field) => sum + 4 + (typeof field === 'number' ? 0 : Buffer.byteLength(field)),
    9,
  );
  // One piece of memory: a request of many routers has ten thousand fields.
  const frame = Buffer.allocUnsafe(size);
  let at = frame.writeUInt32BE(size - 4, 0);
  at = frame.writeUInt32BE(id, at);
  at = frame.writeUInt8(type, at);
  for (const field of all) {
    if (typeof field === 'number') at = frame.writeUInt32BE(field, at);
    else {
      const length = frame.write(field, at + 4);
      at = frame.writeUInt32BE(length, at) + length;
    }
  }
  return frame;
}

/** Cuts a byte stream into answers, however it was chopped on the way. */
export class AnswerReader {
  private chunks: Buffer[] = [];
  private size = 0;
  private need = 4;

  /** The answers that are complete with this chunk, in order. */
  push(chunk: Buffer): Answer[] {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.need) return [];
    let bytes = Buffer.concat(this.chunks);
    const answers: Answer[] = [];
    this.need = 4;
    while (bytes.length >= 4) {
      const length = 4 + bytes.readUInt32BE(0);
      if (bytes.length < length) {
        this.need = length;
        break;
      }
      answers.push(decodeAnswer(bytes.subarray(4, length)));
      bytes = bytes.subarray(length);
    }
    // A copy: a part of the whole, even one without a byte, would keep all of it in memory until the next answer.
    this.chunks = [Buffer.from(bytes)];
    this.size = bytes.length;
    return answers;
  }
}

/** A list of errnos, one for each thing that was set or sent. */
export function decodeErrnos(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readUInt32BE(index * 4));
}

/** An errno and a text for each thing that was asked. */
export function decodeTexts(bytes: Buffer): { readonly errno: number; readonly text: string }[] {
  const all: { errno: number; text: string }[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    all.push({ errno: bytes.readUInt32BE(at), text: bytes.toString('utf8', at + 8, end) });
    at = end;
  }
  return all;
}

function decodeAnswer(body: Buffer): Answer {
  const outEnd = 13 + body.readUInt32BE(9);
  return {
    id: body.readUInt32BE(0),
    kind: body.readUInt8(4),
    value: body.readUInt32BE(5),
    stdout: body.subarray(13, outEnd),
    stderr: body.subarray(outEnd + 4, outEnd + 4 + body.readUInt32BE(outEnd)),
  };
}

/** A string behind its length; null: it is not whole yet. */
export function fieldAt(bytes: Buffer, at: number): Buffer | null {
  const end = bytes.length < at + 4 ? Infinity : at + 4 + bytes.readUInt32BE(at);
  return end > bytes.length ? null : bytes.subarray(at + 4, end);
}
