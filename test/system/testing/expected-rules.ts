/**
 * The rules of a router with one interface (10.0.2.0/24 in scenario B), a gateway and one floating IP, whose node answers for metadata, as iptables-save lists them: tables in alphabetical
 * order, chains as the kernel lists them. Exactly ours, except for the comment of each rule.
 */

const agent = 'neutron-l3-agent';

export interface RouterNames {
  readonly qg: string;
  readonly qr: string;
  /** The router's own address outside. */
  readonly own: string;
  readonly floating: string;
  readonly fixed: string;
}

const mark = (value: string): string => `-j MARK --set-xmark ${value}`;
const saveMark = '-m connmark --mark 0x0/0xffff0000 -j CONNMARK --save-mark --nfmask 0xffff0000 --ctmask 0xffff0000';
const restoreMark =
  '-m connmark ! --mark 0x0/0xffff0000 -j CONNMARK --restore-mark --nfmask 0xffff0000 --ctmask 0xffff0000';

const asks = (address: string): string => `-d ${address} -i qr-+ -p tcp -m tcp --dport 80`;
const [metadata4, metadata6] = [asks('169.254.169.254/32'), asks('fe80::a9fe:a9fe/128')];
const redirect = '-j REDIRECT --to-ports 9697';

/** One table: built-in chains with a jump to our chain of the same name each, then our chains with what they hold. */
function table(
  name: string,
  builtIn: readonly string[],
  ours: readonly string[],
  jumps: readonly string[],
  rules: readonly string[],
): string[] {
  return [
    `*${name}`,
    ...builtIn.map((chain) => `:${chain} ACCEPT`),
    ...ours.map((chain) => `:${chain} -`),
    ...jumps.map((rule) => `-A ${rule}`),
    ...rules.map((rule) => `-A ${rule}`),
    'COMMIT',
  ];
}

const hung = (...chains: string[]): string[] => chains.map((chain) => `${chain} -j ${agent}-${chain}`);
const named = (...ends: string[]): string[] => ends.map((end) => `${agent}-${end}`);

const filter = (more: readonly string[]): string[] =>
  table(
    'filter',
    ['INPUT', 'FORWARD', 'OUTPUT'],
    ['neutron-filter-top', ...named('FORWARD', 'INPUT', 'OUTPUT', 'local', 'scope')],
    [
      ...hung('INPUT'),
      'FORWARD -j neutron-filter-top',
      ...hung('FORWARD'),
      'OUTPUT -j neutron-filter-top',
      ...hung('OUTPUT'),
    ],
    [
      `neutron-filter-top -j ${agent}-local`,
      `${agent}-FORWARD -j ${agent}-scope`,
      `${agent}-INPUT -m mark --mark 0x1/0xffff -j ACCEPT`,
      `${agent}-INPUT -p tcp -m tcp --dport 9697 -j DROP`,
      ...more,
    ],
  );
const everywhere = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
const sortedEverywhere = ['FORWARD', 'INPUT', 'OUTPUT', 'POSTROUTING', 'PREROUTING'];
const raw = (): string[] =>
  table('raw', ['PREROUTING', 'OUTPUT'], named('OUTPUT', 'PREROUTING'), hung('PREROUTING', 'OUTPUT'), []);

export function namespaceRules({ qg, qr, own, floating, fixed }: RouterNames): { v4: string[]; v6: string[] } {
  const mangle = table(
    'mangle',
    everywhere,
    named(...sortedEverywhere, 'float-snat', 'floatingip', 'mark', 'scope'),
    hung(...everywhere),
    [
      `${agent}-POSTROUTING -o ${qg} ${saveMark}`,
      `${agent}-PREROUTING -j ${agent}-mark`,
      `${agent}-PREROUTING -j ${agent}-scope`,
      `${agent}-PREROUTING ${restoreMark}`,
      `${agent}-PREROUTING -j ${agent}-floatingip`,
      `${agent}-PREROUTING ${metadata4} ${mark('0x1/0xffff')}`,
      `${agent}-float-snat ${saveMark}`,
      `${agent}-mark -i ${qg} ${mark('0x2/0xffff')}`,
      `${agent}-scope -i ${qr} ${mark('0x4000000/0xffff0000')}`,
      `${agent}-scope -i ${qg} ${mark('0x4000000/0xffff0000')}`,
    ],
  );
  const nat = table(
    'nat',
    ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
    [...named('OUTPUT', 'POSTROUTING', 'PREROUTING', 'float-snat', 'snat'), 'neutron-postrouting-bottom'],
    [...hung('PREROUTING', 'OUTPUT', 'POSTROUTING'), 'POSTROUTING -j neutron-postrouting-bottom'],
    [
      `${agent}-OUTPUT -d ${floating}/32 -j DNAT --to-destination ${fixed}`,
      `${agent}-POSTROUTING ! -o ${qg} -m conntrack ! --ctstate DNAT -j ACCEPT`,
      `${agent}-PREROUTING ${metadata4} ${redirect}`,
      `${agent}-PREROUTING -d ${floating}/32 -j DNAT --to-destination ${fixed}`,
      `${agent}-float-snat -s ${fixed}/32 -j SNAT --to-source ${floating} --random-fully`,
      // Floating before shared.
      `${agent}-snat -j ${agent}-float-snat`,
      `${agent}-snat -o ${qg} -j SNAT --to-source ${own} --random-fully`,
      `${agent}-snat -m mark ! --mark 0x2/0xffff -m conntrack --ctstate DNAT -j SNAT --to-source ${own} --random-fully`,
      `neutron-postrouting-bottom -j ${agent}-snat`,
    ],
  );
  const mangle6 = table('mangle', everywhere, named(...sortedEverywhere, 'scope'), hung(...everywhere), [
    `${agent}-PREROUTING -j ${agent}-scope`,
    `${agent}-PREROUTING ${restoreMark}`,
    `${agent}-PREROUTING ${metadata6} ${mark('0x1/0xffff')}`,
  ]);
  const nat6 = table('nat', ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'], named('PREROUTING'), hung('PREROUTING'), [
    `${agent}-PREROUTING ${metadata6} ${redirect}`,
  ]);
  return {
    v4: [
      ...filter([`${agent}-scope -o ${qr} -m mark ! --mark 0x4000000/0xffff0000 -j DROP`]),
      ...mangle,
      ...nat,
      ...raw(),
    ],
    v6: [...filter([]), ...mangle6, ...nat6, ...raw()],
  };
}
