/** Connections as the kernel makes them by the rules that are wanted are never taken for old ones: an agent that starts ends none of them. */
import { describe, expect, it } from '@jest/globals';
import { render, renderRouter } from './render.js';
import { idOf, Story } from './testing/index.js';
import { staleness, translationOf, type Translation } from './translation.js';

const OWN = '203.0.113.9';
const FLOATING = '203.0.113.79';
const FORWARDED = '203.0.113.80';
const CLIENT = '198.51.100.7';
const story = new Story()
  .network('e9', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
  .network('a9', '10.9.0.0/24', { gatewayIp: '10.9.0.1' })
  .network('b9', '10.10.0.0/24', { gatewayIp: '10.10.0.1' })
  .router('c9')
  .interface('c9', 'a9', '91111111-91', 'fa:16:3e:00:09:01', '10.9.0.1')
  .interface('c9', 'b9', '93333333-93', 'fa:16:3e:00:09:03', '10.10.0.1')
  .gateway('c9', 'e9', '92222222-92', 'fa:16:3e:00:09:02', OWN)
  .floatingIp('79', 'e9', FLOATING)
  .floatingIp('80', 'e9', FORWARDED)
  .associate('79', FLOATING, '10.9.0.5', 'ba9', 'c9')
  .forward('f9', 'c9', ['80', FORWARDED], 'udp', '1000-1010>2000-2010', '10.9.0.6@d1');

function translation(): Translation {
  const rendered = render(story.view(), { userspace: true, metadata: true }).get(idOf('c9'));
  if (rendered?.kind !== 'present') throw new Error('it is not wanted');
  const state = renderRouter(rendered.gathered, { userspace: true, metadata: true });
  const nat = state.rules4.find(({ table }) => table === 'nat');
  return translationOf(state, nat?.chains.flatMap(({ rules }) => rules) ?? []);
}

/** Source, destination and port; who answers, to whom, from which port. */
const isStale = (...[source, destination, port, answerFrom, answerTo, answerPort, protocol = 'udp']: Line): boolean =>
  staleness(translation())({
    protocol,
    source,
    destination,
    destinationPort: port,
    answerFrom,
    answerTo,
    answerPort,
  });
type Line = readonly [string, string, number, string, string, number, string?];

describe('a connection that the rules made', () => {
  it.each<readonly [string, ...Line]>([
    ['outward', '10.9.0.6', CLIENT, 53, CLIENT, OWN, 53],
    ['to the metadata address', '10.9.0.6', '169.254.169.254', 80, '10.9.0.1', '10.9.0.6', 9697, 'tcp'],
    ['to another port of it', '10.9.0.6', '169.254.169.254', 53, '169.254.169.254', OWN, 53],
    ['outward from a floating address', '10.9.0.5', CLIENT, 53, CLIENT, FLOATING, 53],
    ['outward from behind an instance', '192.168.7.7', CLIENT, 53, CLIENT, OWN, 53],
    ['between subnets', '10.9.0.5', '10.10.0.5', 53, '10.10.0.5', '10.9.0.5', 53],
    ['inward', CLIENT, FLOATING, 53, '10.9.0.5', CLIENT, 53],
    ['inward, forwarded', CLIENT, FORWARDED, 1003, '10.9.0.6', CLIENT, 2003],
    ['inward, not forwarded', CLIENT, FORWARDED, 99, FORWARDED, CLIENT, 99],
    ['inward without translation', CLIENT, '10.9.0.6', 53, '10.9.0.6', CLIENT, 53],
    ['from inside to a floating address', '10.10.0.5', FLOATING, 53, '10.9.0.5', OWN, 53],
    ['to its own floating address', '10.9.0.5', FLOATING, 53, '10.9.0.5', FLOATING, 53],
    ['from behind an instance to a floating address', '192.168.7.7', FLOATING, 53, '10.9.0.5', OWN, 53],
    ['to the router inside', '10.9.0.5', '10.9.0.1', 53, '10.9.0.1', '10.9.0.5', 53],
    ['to the router from the other subnet', '10.10.0.5', '10.9.0.1', 53, '10.9.0.1', '10.10.0.5', 53],
    ['from inside to the outside of the router', '10.9.0.6', OWN, 53, OWN, '10.9.0.6', 53],
    ['from outside to the router', CLIENT, OWN, 53, OWN, CLIENT, 53],
    ['the router itself outward', OWN, CLIENT, 53, CLIENT, OWN, 53],
    ['the router itself to an instance', '10.9.0.1', '10.9.0.5', 53, '10.9.0.5', '10.9.0.1', 53],
    ['the router itself to a floating address', FLOATING, FLOATING, 53, '10.9.0.5', OWN, 53],
    ['the router to itself', '127.0.0.1', '127.0.0.1', 53, '127.0.0.1', '127.0.0.1', 53],
    ['to everybody of a subnet', '10.9.0.5', '10.9.0.255', 53, '10.9.0.255', '10.9.0.5', 53],
    ['to everybody', '10.9.0.5', '255.255.255.255', 53, '255.255.255.255', '10.9.0.5', 53],
    ['to a group', '10.9.0.5', '224.0.0.251', 53, '224.0.0.251', '10.9.0.5', 53],
  ])('%s', (_what, ...line) => expect(isStale(...line)).toBe(false));
});

describe('a connection from before', () => {
  it.each<readonly [string, ...Line]>([
    ['to the metadata address, sent on', '10.9.0.6', '169.254.169.254', 80, '169.254.169.254', OWN, 80, 'tcp'],
    ['outward, not translated', '10.9.0.6', CLIENT, 53, CLIENT, '10.9.0.6', 53],
    ['outward by another own address', '10.9.0.6', CLIENT, 53, CLIENT, '203.0.113.10', 53],
    ['outward by the shared address', '10.9.0.5', CLIENT, 53, CLIENT, OWN, 53],
    ['inward to another instance', CLIENT, FLOATING, 53, '10.9.0.6', CLIENT, 53],
    ['inward to the router itself', CLIENT, FLOATING, 53, FLOATING, CLIENT, 53],
    ['inward to another port', CLIENT, FORWARDED, 1003, '10.9.0.6', CLIENT, 1003],
    ['between subnets by the gateway', '10.9.0.6', '10.10.0.5', 53, '10.10.0.5', OWN, 53],
    ["to an address that is nobody's any more", CLIENT, '203.0.113.99', 53, '10.9.0.5', CLIENT, 53],
  ])('%s', (_what, ...line) => expect(isStale(...line)).toBe(true));
});
