import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonStream } from './json-stream.js';
import { parseRemote } from './rpc.js';

describe('JsonStream', () => {
  it('finds the objects wherever the stream is cut', () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(objects, fc.array(fc.nat(40)), (messages, cuts) => {
        const bytes = Buffer.from(messages.map((message) => JSON.stringify(message)).join('\n'));
        const stream = new JsonStream();
        const found: unknown[] = [];
        let at = 0;
        for (const cut of cuts) {
          found.push(...stream.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        found.push(...stream.push(bytes.subarray(at)));
        expect(found).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown));
      }),
    );
  });
});

describe('parseRemote', () => {
  it('reads what ovsdb(7) allows', () => {
    expect(parseRemote('unix:/run/openvswitch/db.sock')).toEqual({ path: '/run/openvswitch/db.sock' });
    expect(parseRemote('tcp:10.0.0.1:6640')).toEqual({ host: '10.0.0.1', port: 6640 });
    expect(parseRemote('tcp:[::1]:6640')).toEqual({ host: '::1', port: 6640 });
  });
  it.each(['', 'unix:', 'ssl:1.2.3.4:5', '/run/x', 'tcp:host'])('refuses %j', (remote) => {
    expect(() => parseRemote(remote)).toThrow('is not an OVSDB address');
  });
});
