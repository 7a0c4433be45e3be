import { describe, expect, it } from '@jest/globals';
import { contradicts, ruleContradicts } from './match.js';

const packet = { macs: ['fa:16:3e:00:00:01'], addresses: ['10.0.0.5', '10.255.0.20'] };

describe('a flow of somebody else', () => {
  it.each([
    ['', false],
    ['in_port=5', false],
    ['ip,nw_dst=10.0.0.5', false],
    ['ip,nw_dst=10.0.0.0/24', false],
    ['ip,nw_src=10.0.0.5,nw_dst=192.0.2.1', false],
    ['ip,nw_dst=192.0.2.1', true],
    ['arp,arp_tpa=10.255.0.20', false],
    ['arp,arp_tpa=10.255.0.21', true],
    ['dl_dst=fa:16:3e:00:00:01', false],
    ['dl_dst=fa:16:3e:00:00:09', true],
    ['dl_dst=01:00:00:00:00:00/01:00:00:00:00:00', false],
    ['icmp6,icmp_type=134', true],
    ['tcp,tp_dst=22', false],
  ])('%s', (match, is) => expect(contradicts(match, packet)).toBe(is));
});

describe('a rule of somebody else', () => {
  it.each([
    ['filter -A FORWARD -j DROP', false],
    ['filter -A FORWARD -d 10.0.0.5/32 -j DROP', false],
    ['filter -A FORWARD -s 192.0.2.0/24 -j DROP', true],
    ['filter -A FORWARD ! -s 192.0.2.0/24 -j DROP', false],
    ['raw -A PREROUTING -d 10.255.0.0/16 -p tcp -j DROP', false],
  ])('%s', (line, is) => expect(ruleContradicts(line, packet)).toBe(is));
});
