import { describe, expect, it } from '@jest/globals';
import { isDoneAlready } from './ip-lines.js';

describe("ip(8)'s complaint about a line", () => {
  it.each([
    ['link del qg-1', 'Cannot find device "qg-1"'],
    ['link del qg-1', 'RTNETLINK answers: No such device'],
    ['netns del qrouter-1', 'Cannot remove namespace file "/run/netns/qrouter-1": No such file or directory'],
    ['address del 192.0.2.1/32 dev qg-1', 'RTNETLINK answers: Cannot assign requested address'],
    ['route del default dev qg-1', 'RTNETLINK answers: No such process'],
    ['address add 192.0.2.1/32 dev qg-1', 'RTNETLINK answers: File exists'],
  ])('%s: %s means that it is done', (line, complaint) => expect(isDoneAlready(line, complaint)).toBe(true));

  it.each([
    ['link del qg-1', 'RTNETLINK answers: Operation not permitted'],
    ['address add 192.0.2.1/32 dev qg-1', 'Cannot find device "qg-1"'],
    ['link set qg-1 up', 'RTNETLINK answers: No such device'],
  ])('%s: %s means that it is not', (line, complaint) => expect(isDoneAlready(line, complaint)).toBe(false));
});
