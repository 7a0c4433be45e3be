import { describe, expect, it } from '@jest/globals';
import { nodeResolvers } from './resolvers.js';

const read = (files: Record<string, string>) => (file: string) => files[file] ?? '';

describe("the node's own name servers", () => {
  it('are those of resolv.conf, each once', () => {
    const text =
      '# made by hand\nsearch example.org\nnameserver 192.0.2.1\n nameserver\t2001:db8::53\nnameserver 192.0.2.1\n';
    expect(nodeResolvers(read({ '/etc/resolv.conf': text }))).toEqual(['192.0.2.1', '2001:db8::53']);
  });

  it('are those behind the stub of systemd-resolved', () => {
    const files = {
      '/etc/resolv.conf': 'nameserver 127.0.0.53\noptions edns0\n',
      '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.9\n',
    };
    expect(nodeResolvers(read(files))).toEqual(['192.0.2.9']);
  });

  it('are none that only the node itself can ask', () => {
    const text = ['127.0.0.1', '::1', 'fe80::1', 'fe80::1%eth0', '0.0.0.0', 'nonsense'].map(
      (each) => `nameserver ${each}\n`,
    );
    expect(nodeResolvers(read({ '/etc/resolv.conf': text.join('') }))).toEqual([]);
    expect(nodeResolvers(read({}))).toEqual([]);
  });
});
