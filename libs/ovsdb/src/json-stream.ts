/**
 * Cuts a stream of JSON objects that follow each other without separator (JSON-RPC 1.0 over a stream, RFC 7047
 * section 4) into objects. Looks at each byte once. Bytes of UTF-8 sequences are never taken for syntax.
 */
export class JsonStream {
  private chunks: Buffer[] = [];
  private depth = 0;
  private inText = false;
  private escaped = false;

  /** The objects complete with this chunk. Throws SyntaxError on what is not JSON: the stream is of no use after that. */
  push(chunk: Buffer): unknown[] {
    const found: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.inText) {
        if (this.escaped) this.escaped = false;
        else if (byte === 0x5c) this.escaped = true;
        else if (byte === 0x22) this.inText = false;
      } else if (byte === 0x22) this.inText = true;
      else if (byte === 0x7b || byte === 0x5b) this.depth += 1;
      else if (byte === 0x7d || byte === 0x5d) {
        this.depth -= 1;
        if (this.depth === 0) {
          this.chunks.push(chunk.subarray(start, at + 1));
          found.push(JSON.parse(Buffer.concat(this.chunks.splice(0)).toString('utf8')));
          start = at + 1;
        }
      }
    }
    if (start < chunk.length) this.chunks.push(chunk.subarray(start));
    return found;
  }
}
