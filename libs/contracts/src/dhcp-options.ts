/**
 * The DHCP options that a port may have of its own (Networking API, `extra_dhcp_opts`): by number, or by the name that dnsmasq 2.90 gives it (`dnsmasq --help dhcp`,
 * `--help dhcp6`); in front, as Ironic writes it, a condition: `tag:ipxe,67`, `tag:!ipxe,67`. What the API refuses and what a node sends is decided here.
 */
import { z } from 'zod';
import type { ExtraDhcpOpt } from './primitives.js';

/** What a value is. `addresses`, `names` and `hosts` (both): joined by commas. `routes`: destination, next hop, and so on. `any`: what it looks like. Or a number of so many bytes. */
type Kind =
  'addresses' | 'names' | 'hosts' | 'routes' | 'bytes' | 'time' | 'text' | 'any' | Readonly<{ bytes: 1 | 2 | 4 }>;

const of = (kind: Kind, text: string): [string, Readonly<{ code: number; kind: Kind }>][] =>
  text.split(' ').map((each) => {
    const [code, name = ''] = each.split('=');
    return [name, { code: Number(code), kind }];
  });

type Table = ReadonlyMap<string, Readonly<{ code: number; kind: Kind }>>;

const NAMES4: Table = new Map([
  ...of(
    'addresses',
    '1=netmask 3=router 6=dns-server 7=log-server 9=lpr-server 16=swap-server 21=policy-filter 32=router-solicitation 33=static-route 41=nis-server 42=ntp-server ' +
      '44=netbios-ns 45=netbios-dd 48=x-windows-fs 49=x-windows-dm 65=nis+-server 68=mobile-ip-home 69=smtp-server 70=pop3-server ' +
      '71=nntp-server 74=irc-server 150=tftp-server-address 255=server-ip-address',
  ),
  // dnsmasq knows what they are, and takes them by number alone.
  ...of('addresses', '28=#broadcast 118=#subnet-select'),
  ...of('bytes', '43=#vendor-encap'),
  ...of({ bytes: 1 }, '23=default-ttl'),
  ...of({ bytes: 2 }, '13=boot-file-size 22=max-datagram-reassembly 26=mtu 93=client-arch'),
  ...of({ bytes: 4 }, '35=arp-timeout 38=tcp-keepalive 108=ipv6-only'),
  ...of('time', '58=t1 59=t2'),
  ...of('names', '119=domain-search'),
  ...of('hosts', '120=sip-server'),
  ...of('routes', '121=classless-static-route'),
  ...of(
    'text',
    '15=domain-name 17=root-path 18=extension-path 40=nis-domain 64=nis+-domain 66=tftp-server 67=bootfile-name 100=posix-timezone ' +
      '101=tzdb-timezone',
  ),
  ...of(
    'any',
    '2=time-offset 19=ip-forward-enable 20=non-local-source-routing 27=all-subnets-local 31=router-discovery ' +
      '34=trailer-encapsulation 36=ethernet-encap 37=tcp-ttl 46=netbios-nodetype 47=netbios-scope 60=vendor-class ' +
      '77=user-class 80=rapid-commit 94=client-interface-id 97=client-machine-id 125=vendor-id-encap',
  ),
]);

const NAMES6: Table = new Map([
  ...of('addresses', '22=sip-server 23=dns-server 27=nis-server 28=nis+-server 31=sntp-server'),
  ...of('names', '21=sip-server-domain 24=domain-search 29=nis-domain 30=nis+-domain'),
  ...of('time', '32=information-refresh-time'),
  ...of('text', '41=posix-timezone 42=tzdb-timezone 59=bootfile-url 60=bootfile-param'),
  ...of('hosts', '56=ntp-server'),
]);

/** Options by which client and server talk of the lease itself: RFC 2132 (and 4702, 3046), RFC 8415 (and 3633, 4704). */
const OF_THE_SERVER = {
  4: new Set([0, 50, 51, 52, 53, 54, 55, 56, 57, 61, 81, 82, 255]),
  6: new Set([0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 13, 14, 18, 19, 20, 25, 26, 39]),
} as const;
const MOST_BYTES = 255;
const MOST_CODE = { 4: 254, 6: 65_535 } as const;
/** Conditions that a node's DHCP server knows. */
const TAGS: readonly string[] = ['ipxe', 'ipxe6'];

const WITH_TAG = /^tag:(!?)([^,]*),(.*)$/;
const HEX = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2})*$/i;
const TIME = /^(infinite|\d{1,9}[smhdw]?)$/i;
const DOMAIN = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;
/** C0, DEL and C1 controls. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Why nobody can send this option, in words for whoever asked for it; null when it can be sent. */
export function whyNoDhcpOption({ name, value, ipVersion }: ExtraDhcpOpt): string | null {
  const [, , tag, behind] = WITH_TAG.exec(name) ?? [];
  if (tag !== undefined && !TAGS.includes(tag))
    return `'${name}': the condition '${tag}' is not known, only ${TAGS.join(' and ')}`;
  const word = (behind ?? name).toLowerCase();
  const table = ipVersion === 4 ? NAMES4 : NAMES6;
  const isNumber = /^\d{1,5}$/.test(word);
  const known = isNumber ? [...table.values()].find(({ code }) => code === Number(word)) : table.get(word);
  if (isNumber && OF_THE_SERVER[ipVersion].has(Number(word)))
    return `'${name}': option ${Number(word)} belongs to the DHCP server itself`;
  if (isNumber && Number(word) > MOST_CODE[ipVersion])
    return `'${name}' is no number of a DHCP option of IPv${ipVersion}`;
  if (!isNumber && !known)
    return `'${name}' is no DHCP option of IPv${ipVersion}: use its number, or a name of dnsmasq, for example bootfile-name`;
  if (CONTROL.test(value)) return `the value of '${name}' has control characters`;
  // An option of IPv4 has no more (RFC 2132); and a line of dnsmasq's files is read in pieces of 1,024.
  if (new TextEncoder().encode(value).length > MOST_BYTES)
    return `the value of '${name}' has more than ${MOST_BYTES} bytes`;
  if (value === '') return null;
  // Of a number without a name dnsmasq does not know what its value is, and takes it for what it looks like.
  const wrong = whyNoValue(known?.kind ?? 'any', value, ipVersion);
  return wrong ? `the value '${value}' of '${name}' is not ${wrong}` : null;
}

/** What the value is not; null when it is. */
function whyNoValue(kind: Kind, value: string, ipVersion: 4 | 6): string | null {
  const parts = value.split(',').map((each) => each.trim());
  switch (kind) {
    case 'addresses':
      return parts.every((each) => isAddress(each, ipVersion)) ? null : `IPv${ipVersion} addresses joined by commas`;
    case 'names':
      return parts.every((each) => DOMAIN.test(each)) ? null : 'domain names joined by commas';
    case 'hosts':
      return parts.every((each) => isAddress(each, ipVersion) || (DOMAIN.test(each) && !/^[\d.]+$/.test(each)))
        ? null
        : `IPv${ipVersion} addresses or domain names joined by commas`;
    case 'routes':
      return parts.length % 2 === 0 && parts.every((each, at) => (at % 2 === 0 ? isPrefix : isAddress4)(each))
        ? null
        : 'routes: <destination>/<length>,<next hop>, and so on';
    case 'time':
      return TIME.test(value) ? null : 'a time: seconds, or a number with m, h, d or w';
    case 'bytes':
      return HEX.test(value) ? null : 'bytes in hexadecimal, joined by colons';
    case 'text':
      return null;
    case 'any':
      if (/^[\d.,/\s]+$/.test(value) && !/^\d+$/.test(value))
        return parts.every((each) => isAddress4(each) || isPrefix(each)) ? null : 'what it looks like: addresses';
      if (/^[\da-f:.,[\]\s]+$/i.test(value) && value.includes(':') && !HEX.test(value))
        return parts.every((each) => isAddress(each, 6))
          ? null
          : 'what it looks like: addresses, or bytes in hexadecimal';
      return null;
    default:
      return /^\d{1,10}$/.test(value) && Number(value) < 256 ** kind.bytes
        ? null
        : `a number from 0 to ${256 ** kind.bytes - 1}`;
  }
}

const isAddress4 = (text: string): boolean => z.ipv4().safeParse(text).success;
const isAddress = (text: string, version: 4 | 6): boolean =>
  version === 4 ? isAddress4(text) : z.ipv6().safeParse(text.replace(/^\[(.*)\]$/, '$1')).success;
const isPrefix = (text: string): boolean => z.cidrv4().safeParse(text).success;

/** The option as dnsmasq reads it: its condition, and its name or number with the family in front where that is needed. Only of an option that can be sent. */
export function dhcpOptionWords({ name, ipVersion }: Pick<ExtraDhcpOpt, 'name' | 'ipVersion'>): Readonly<{
  tags: readonly string[];
  option: string;
}> {
  const [, not = '', tag, behind] = WITH_TAG.exec(name) ?? [];
  const word = behind ?? name;
  const family = ipVersion === 4 ? 'option' : 'option6';
  return {
    tags: tag === undefined ? [] : [`tag:${not}${tag}`],
    // A number alone is one of IPv4.
    option: ipVersion === 4 && /^\d+$/.test(word) ? word : `${family}:${word}`,
  };
}
