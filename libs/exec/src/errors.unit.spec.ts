import { describe, expect, it } from '@jest/globals';
import { CommandFailed, failedLine } from './errors.js';

describe('the line a batch tool refused', () => {
  it.each([
    ['RTNETLINK answers: File exists\nCommand failed -:3\n', 3],
    ['iptables-restore: line 5 failed\n', 5],
    [
      'iptables-restore v1.8.9 (nf_tables): \nline 7: RULE_APPEND failed (No such file or directory): rule in chain X\n',
      7,
    ],
    ['iptables-restore v1.8.9 (nf_tables): unknown option\nError occurred at line: 2\n', 2],
    ['ovs-ofctl: -:4: bad action\n', 4],
    ['something else', undefined],
  ])('%j', (stderr, line) => expect(failedLine(stderr)).toBe(line));

  it('is quoted in the message', () => {
    const stdin = 'link add a type dummy\naddress add 10.0.0.1/33 dev a\n';
    const told = { argv: ['ip', '-batch', '-'], reason: 'exit', code: 1, stdin, netns: 'qrouter-1' } as const;
    const error = new CommandFailed({ ...told, stderr: 'Error: bad prefix\nCommand failed -:2\n' });
    expect(error.failedInput).toBe('address add 10.0.0.1/33 dev a');
    expect(error.message).toBe(
      'ip -batch - in namespace qrouter-1: ended with code 1: Error: bad prefix\nCommand failed -:2; ' +
        'refused line 2: address add 10.0.0.1/33 dev a',
    );
  });
});
