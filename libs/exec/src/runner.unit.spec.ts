import { describe, expect, it } from '@jest/globals';
import { AnswerReader } from './frames.js';
import { PrintingRunner } from './printing-runner.js';
import { netnsPath, sysctlPath } from './runner.js';
import { FakeRunner } from './testing/index.js';

describe('names that become paths', () => {
  it('takes sysctl keys in both forms, a device name with a dot included', () => {
    expect(sysctlPath('net/ipv4/ip_forward')).toBe('/proc/sys/net/ipv4/ip_forward');
    expect(sysctlPath('net.ipv4.ip_forward')).toBe('/proc/sys/net/ipv4/ip_forward');
    expect(sysctlPath('net/ipv4/conf/eth0.100/rp_filter')).toBe('/proc/sys/net/ipv4/conf/eth0.100/rp_filter');
    expect(sysctlPath('net.ipv4.conf.eth0/100.rp_filter')).toBe('/proc/sys/net/ipv4/conf/eth0.100/rp_filter');
  });

  it.each(['', '/etc/passwd', 'net/../../../etc/passwd', 'net//ipv4', 'a\nb', '../x'])('refuses the key %j', (key) => {
    expect(() => sysctlPath(key)).toThrow('cannot name a kernel parameter');
  });

  it.each(['', '.', '..', 'a/b', 'a\nb'])('refuses the namespace %j', (name) => {
    expect(() => netnsPath(name)).toThrow('cannot name a network namespace');
  });

  it('takes namespace names and absolute paths', () => {
    expect(netnsPath('qrouter-1')).toBe('/run/netns/qrouter-1');
    expect(netnsPath('/proc/1/ns/net')).toBe('/proc/1/ns/net');
  });
});

describe('PrintingRunner', () => {
  it('prints what changes the node and really runs what reads it', async () => {
    const printed: string[] = [];
    const reader = new FakeRunner((argv) => (argv[0] === 'iptables-save' ? '*nat\n' : undefined));
    const runner = new PrintingRunner({ reader, print: (command) => printed.push(command) });
    expect((await runner.run(['iptables-save'], { reads: true, netns: 'r1' })).stdout).toBe('*nat\n');
    await runner.run(['ip', '-batch', '-'], { stdin: 'link add a type dummy\n' });
    await runner.run(['iptables-restore', '--noflush'], { netns: 'r1', stdin: '*nat\nCOMMIT\n' });
    await runner.writeSysctls({ 'net.ipv4.ip_forward': '1', 'net/ipv4/conf/all/rp_filter': '0' }, { netns: 'r1' });
    expect(printed).toEqual([
      "ip -batch - <<'EOF'\nlink add a type dummy\nEOF",
      "nsenter --net=/run/netns/r1 -- iptables-restore --noflush <<'EOF'\n*nat\nCOMMIT\nEOF",
      'nsenter --net=/run/netns/r1 -- sysctl -q -w net/ipv4/ip_forward=1 net/ipv4/conf/all/rp_filter=0',
    ]);
    expect(runner.commands).toEqual(printed);
    expect(reader.calls).toHaveLength(1);
  });
});

describe('answers of the helper', () => {
  it('are found however the stream is cut', () => {
    const body = Buffer.concat([
      Buffer.from([0, 0, 0, 7, 0, 0, 0, 0, 3]),
      Buffer.from([0, 0, 0, 2]),
      Buffer.from('ab'),
      Buffer.from([0, 0, 0, 1]),
      Buffer.from('c'),
    ]);
    const frame = Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]);
    const stream = Buffer.concat([frame, frame]);
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const reader = new AnswerReader();
      const answers = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
      expect(answers.map(({ id, value, stdout, stderr }) => [id, value, `${stdout}`, `${stderr}`])).toEqual([
        [7, 3, 'ab', 'c'],
        [7, 3, 'ab', 'c'],
      ]);
    }
  });
});
