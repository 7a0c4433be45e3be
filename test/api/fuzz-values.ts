/** Values as a hostile or careless client sends them, and valid values of each declared type: fast-check arbitraries, so that a seed repeats a run. */
import fc from 'fast-check';

type Json = Readonly<Record<string, unknown>>;
type Value = fc.Arbitrary<unknown>;

/** Placeholder for the id of an existing object of this resource; `filled` replaces it. */
export const someOf = (resource: string): fc.Arbitrary<string> => fc.nat(40).map((n) => `{{${resource}:${n}}}`);
export const filled = (text: string, ids: (resource: string, n: number) => string): string =>
  text.replace(/\{\{([a-z_]+):(\d+)\}\}/g, (_all, resource: string, n: string) => ids(resource, Number(n)));

/** Text that is syntax somewhere: in a shell, SQL, iptables, ovs-ofctl, NATS, JSON, HTML, or in our own formats. */
export const SYNTAX: readonly string[] = [
  '; rm -rf /',
  '$(reboot)',
  '`id`',
  "' OR 1=1 --",
  "'; DROP TABLE plumbline.events; --",
  '$1',
  '%s%n',
  '-A INPUT -j ACCEPT',
  'x\n-A INPUT -j ACCEPT',
  'COMMIT\n*nat',
  'priority=0,actions=normal',
  'x, actions=output:1',
  'plumb.v1.feed.>',
  'a.b.*',
  '../../etc/passwd',
  '"; } ]',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\r\nX-Injected: 1',
  '\u202e\u200b',
  '\u{1f9e8}'.repeat(70),
  'é'.repeat(130),
  '٠١٢',
  '',
  ' ',
  '\t',
  'null',
  'true',
  'NaN',
  '0x10',
  '1e3',
  '-0',
  '10.0.0.1/',
  '10.0.0.256',
  '010.0.0.1',
  '10.0.0.1%eth0',
  'fe80::1%eth0',
  '::ffff:10.0.0.1',
  '::',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.1/32',
  '255.255.255.255',
  '224.0.0.1',
  'ff:ff:ff:ff:ff:ff',
  'fa:16:3e:00:00:01 ',
  '00-00-5E-00-53-01',
];

const syntax = fc.constantFrom(...SYNTAX);
const strange = fc.oneof(
  { weight: 5, arbitrary: syntax },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(70_000).map((length) => 'x'.repeat(length)) },
);
export const anyText: fc.Arbitrary<string> = strange;

/** Anything that JSON can say. */
export const junk: Value = fc.oneof(
  { weight: 6, arbitrary: strange },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      null,
      true,
      false,
      0,
      -1,
      1,
      1e300,
      -1e300,
      2 ** 31,
      2 ** 53,
      0.5,
      [],
      {},
      [null],
      [[]],
      [{}],
    ),
  },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.array(strange, { maxLength: 80 }) },
  { weight: 1, arbitrary: fc.dictionary(strange, fc.oneof(strange, fc.integer()), { maxKeys: 5 }) },
);
const nested = (depth: number): string[] => [
  '['.repeat(depth) + ']'.repeat(depth),
  '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
];
/** JSON text nested deeper than any recursion of ours, and as deep as a body may be. */
export const deep: fc.Arbitrary<string> = fc.constantFrom(...nested(3000), ...nested(150_000));

const octet = fc.nat(255);
const ipv4 = fc.oneof(
  fc.tuple(fc.nat(7), fc.integer({ min: 0, max: 255 })).map(([net, host]) => `10.0.${net}.${host}`),
  fc.integer({ min: 2, max: 250 }).map((host) => `203.0.113.${host}`),
  fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
);
const ipv6 = fc.oneof(
  fc.tuple(fc.nat(7), fc.nat(0xffff)).map(([net, host]) => `fd00:0:0:${net}::${host.toString(16)}`),
  fc.ipV6(),
);
const cidr4 = fc.oneof(
  fc.nat(31).map((net) => `10.0.${net}.0/24`),
  fc.tuple(ipv4, fc.nat(32)).map(([ip, length]) => `${ip}/${length}`),
);
const cidr6 = fc.oneof(
  fc.nat(31).map((net) => `fd00:0:0:${net}::/64`),
  fc.tuple(ipv6, fc.nat(128)).map(([ip, length]) => `${ip}/${length}`),
);
const mac = fc
  .tuple(octet, octet)
  .map((ends) => `fa:16:3e:00:${ends.map((end) => end.toString(16).padStart(2, '0')).join(':')}`);

const FORMATS: Readonly<Record<string, fc.Arbitrary<string>>> = { ipv4, ipv6, cidrv4: cidr4, cidrv6: cidr6 };

/** Words that plain text attributes know, by the attribute's name. */
const WORDS: readonly (readonly [RegExp, fc.Arbitrary<string>])[] = [
  [/host/, fc.constantFrom('fuzz1', 'fuzz2', '')],
  [/network_type/, fc.constantFrom('vxlan', 'vlan', 'flat')],
  [/physical_network/, fc.constantFrom('physnet1')],
  [
    /device_owner/,
    fc.constantFrom('compute:nova', 'network:dhcp', 'network:router_interface', 'network:router_gateway', ''),
  ],
  [/protocol/, fc.constantFrom('tcp', 'udp', 'icmp', 'sctp', 'ipv6-icmp', 'icmpv6', '6', '17', 'any')],
  [/action/, fc.constantFrom('access_as_shared', 'access_as_external')],
  [/target_tenant/, fc.constantFrom('*', 'p1', 'p2')],
  [/tenant_id|project_id/, fc.constantFrom('p1', 'p2')],
  [/prefix|addresses/, fc.oneof(cidr4, cidr6)],
  [/ip_address/, fc.oneof(ipv4, ipv6, cidr4)],
  [/port_range|_ports?$/, fc.tuple(fc.nat(70000), fc.nat(70000)).map(([a, b]) => `${a}:${b}`)],
  [/mac/, mac],
];

/** Ids that an attribute of this name means. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/network/, 'network'],
  [/subnetpool/, 'subnetpool'],
  [/subnet/, 'subnet'],
  [/address_scope/, 'address_scope'],
  [/address_group/, 'address_group'],
  [/group/, 'security_group'],
  [/router/, 'router'],
  [/port/, 'port'],
  [/object_id/, 'network'],
  [/resource_id/, 'security_group'],
];

/** A value of a JSON schema, as well as the schema and the attribute's name tell. */
export function ofSchema(schema: Json, name: string): Value {
  const choices = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (choices) return fc.oneof(...choices.map((each) => ofSchema(each, name)));
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  switch (schema['type']) {
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'integer':
    case 'number': {
      const [min, max] = [Number(schema['minimum'] ?? 0), Number(schema['maximum'] ?? 65535)];
      return fc.oneof(
        fc.integer({ min: Math.max(min, -1000), max: Math.min(max, 70_000) }),
        fc.constantFrom(min, max, min - 1, max + 1),
      );
    }
    case 'array':
      return fc.array(ofSchema((schema['items'] ?? {}) as Json, name), { maxLength: 3 });
    case 'object': {
      const members = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
      return fc.record(Object.fromEntries(members.map(([key, each]) => [key, ofSchema(each, key)])), {
        requiredKeys: (schema['required'] ?? []) as string[],
      });
    }
    case 'string':
      return text(schema, name);
    default:
      return junk;
  }
}

function text(schema: Json, name: string): Value {
  const format = FORMATS[String(schema['format'])];
  if (format) return format;
  if (schema['format'] === 'uuid') return someOf(NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? 'port');
  if (String(schema['pattern'] ?? '').includes('[:-]')) return mac;
  const words = WORDS.find(([pattern]) => pattern.test(name))?.[1];
  return words
    ? fc.oneof({ weight: 4, arbitrary: words }, { weight: 1, arbitrary: strange })
    : fc.oneof(fc.constantFrom('a', 'name', 'vm-1'), strange);
}
