/** Options of ports that the API takes, before a real dnsmasq: it understands all of them. It ignores a line that it does not, and its guest gets nothing. */
import { describe, expect, it } from '@jest/globals';
import { whyNoDhcpOption, type ExtraDhcpOpt } from '@plumbline/contracts';
import { portOption } from '@plumbline/dhcp-core';
import { run } from '@plumbline/exec';
import fc from 'fast-check';

const ID = '00000000-0000-4000-8000-000000000000';

/** What it says of the first line that it does not understand; nothing when there is none. It reads lines of its configuration file as those of the options file. */
async function complaints(options: readonly ExtraDhcpOpt[]): Promise<string> {
  const lines = options.map((each) => `dhcp-option=${portOption({ id: ID }, each)}\n`);
  const { stderr } = await run(['dnsmasq', '--test', '--conf-file=-'], { stdin: lines.join(''), okCodes: [0, 1, 2] });
  if (stderr.includes('syntax check OK')) return '';
  return `${stderr}${lines[Number(/at line (\d+)/.exec(stderr)?.[1]) - 1]}`;
}

/** As dnsmasq itself lists them. */
async function namesOf(family: 'dhcp' | 'dhcp6'): Promise<string[]> {
  const { stdout } = await run(['dnsmasq', '--help', family]);
  return [...stdout.matchAll(/^\s*\d+ (\S+)$/gm)].map(([, name = '']) => name);
}

const [names4, names6] = [await namesOf('dhcp'), await namesOf('dhcp6')];
const VALUES = [
  ...['', '0', '1', '1400', '65535', '65536', '4294967295', '99999999999', '-1', '1.5', '1.2', '1.2.3', '0x10', '1e3'],
  ...['10.0.0.1', '10.0.0.1,10.0.0.2', '10.0.0.1, 10.0.0.2', '10.0.0.999', '10.0.0.1,', ',10.0.0.1', '10.0.0.0/8'],
  ...[
    '10.0.0.0/8,10.1.1.1',
    '10.0.0.0/40,10.1.1.1',
    '10.0.0.0/8,10.1.1.1,0.0.0.0/0,10.1.1.2',
    '10.0.0.0/8,x',
    '/',
    '.',
  ],
  ...[
    '2001:db8::1',
    '[2001:db8::1]',
    '[2001:db8::1],[2001:db8::2]',
    '2001:db8::1,2001:db8::2',
    '2001:db8',
    '[::',
    '::',
    ':',
  ],
  ...[
    'a',
    'example.org',
    'example.org.',
    'example.org,example.com',
    'a..b',
    '-a',
    'x'.repeat(64),
    'über.example',
    '*.example',
  ],
  ...[
    'pxelinux.0',
    'http://boot.example/x?a=b&c=d#top',
    'has "quotes"',
    'back\\slash',
    '# no comment',
    'a #b',
    'a,b',
    '"',
    '\\',
  ],
  ...[
    '01:02:03',
    'ff',
    'ff:ff',
    'f',
    'gg:hh',
    '0:1',
    '00:11:22:33:44:55',
    '1s',
    '10m',
    '1h',
    '1d',
    '1w',
    'infinite',
    'soon',
  ],
  ...['x'.repeat(255), 'é'.repeat(127), 'é'.repeat(255), '\u{1f9e8}'.repeat(255), '"'.repeat(255), '\\'.repeat(255)],
  ...[' ', ' lead', 'trail ', 'tag:x', 'option:3', '1,2,3', '!', "'", '`id`', '$(id)', '%s', ';', '|'],
];
const NAMES = [
  ...names4,
  ...names6,
  ...names4.map((name) => name.toUpperCase()),
  ...[
    '0',
    '1',
    '3',
    '42',
    '51',
    '66',
    '67',
    '121',
    '150',
    '200',
    '249',
    '254',
    '255',
    '256',
    '23',
    '59',
    '65535',
    '65536',
  ],
  ...['tag:ipxe,67', 'tag:!ipxe,bootfile-name', 'tag:!ipxe6,59', 'tag:other,67', 'tag:ipxe,', 'tag:ipxe,tag:ipxe,67'],
  ...['nonsense', 'option:mtu', 'vendor:x,1', 'hostname', '-1', '01', '0067', ' 67', '67,68'],
];

describe('an option that is taken', () => {
  it('is understood by dnsmasq, whatever its name and value', async () => {
    const all = NAMES.flatMap((name) =>
      VALUES.flatMap((value) => ([4, 6] as const).map((ipVersion): ExtraDhcpOpt => ({ name, value, ipVersion }))),
    ).filter((each) => whyNoDhcpOption(each) === null);
    expect(all.length).toBeGreaterThan(2_000);
    expect(await complaints(all)).toBe('');
  }, 60_000);

  it('is understood also with values that nobody thought of', async () => {
    const option = fc.record({
      name: fc.oneof(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 70_000 }).map(String)),
      value: fc.oneof(
        fc.string({ unit: fc.constantFrom(...'0123456789.:,/[]abfxz "\\#-'), maxLength: 24 }),
        fc.string({ maxLength: 40 }),
        fc.array(fc.constantFrom(...VALUES), { maxLength: 3 }).map((some) => some.join(',')),
      ),
      ipVersion: fc.constantFrom(4 as const, 6 as const),
    });
    const drawn = fc.array(option, { minLength: 100, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(drawn, async (options) => {
        expect(await complaints(options.filter((each) => whyNoDhcpOption(each) === null))).toBe('');
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

describe('names', () => {
  it('are all of dnsmasq', () => {
    // One value of each kind: some kind takes each name.
    const values = ['10.0.0.1', '2001:db8::1', '1', 'example.org', '10.0.0.0/8,10.0.0.1', '1h'];
    const refused = (
      [
        [names4, 4],
        [names6, 6],
      ] as const
    ).flatMap(([names, ipVersion]) =>
      names.filter((name) => values.every((value) => whyNoDhcpOption({ name, value, ipVersion }) !== null)),
    );
    expect(refused).toEqual([]);
    expect(names4.length).toBeGreaterThan(50);
    expect(names6.length).toBeGreaterThan(10);
  });

  it('that nobody can send are refused with a reason', () => {
    const why = (name: string, value = 'x', ipVersion: 4 | 6 = 4) => whyNoDhcpOption({ name, value, ipVersion });
    expect(why('nonsense')).toContain("'nonsense' is no DHCP option of IPv4");
    expect(why('mtu', '1400', 6)).toContain('is no DHCP option of IPv6');
    expect(why('51', '60')).toContain('belongs to the DHCP server itself');
    expect(why('3', '1', 6)).toContain('belongs to the DHCP server itself');
    expect(why('255', 'x')).toContain('belongs to the DHCP server itself');
    expect(why('300')).toContain('no number of a DHCP option');
    expect(why('tag:other,67')).toContain("the condition 'other' is not known");
    expect(why('dns-server', 'example.org')).toContain('is not IPv4 addresses');
    expect(why('42', '10.0.0.300')).toContain('is not IPv4 addresses');
    expect(why('mtu', 'large')).toContain('is not a number from 0 to 65535');
    expect(why('classless-static-route', '10.0.0.0/8')).toContain('is not routes');
    expect(why('bootfile-name', 'a\tb')).toContain('control characters');
    expect(why('bootfile-name', 'é'.repeat(128))).toContain('more than 255 bytes');
  });
});
