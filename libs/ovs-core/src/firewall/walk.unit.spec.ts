import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ObjectKey } from '@plumbline/contracts';
import type { ObservedPort, ObservedSwitch } from '../driver.js';
import { done, GROUPS, move, PACKETS, PORTS } from '../testing/group-moves.js';
import { idOf, ViewBuilder } from '../testing/index.js';
import { allows, passes } from '../testing/rule-model.js';
import type { OvsNodeConfig } from '../render.js';
import { render, WantedSwitch } from '../wanted.js';
import { RULES } from './tables.js';

const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'openflow' };
const observed: ObservedSwitch = new Map([
  [
    'br-int',
    {
      ...{ name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false },
      ports: new Map(
        PORTS.map((n): [string, ObservedPort] => [
          `tap${n}`,
          {
            ...{ name: `tap${n}`, bridge: 'br-int', tag: null, mark: null, tagMark: null, ifaceId: idOf(n), type: '' },
            ...{ options: {}, ofport: n, error: null },
          },
        ]),
      ),
    },
  ],
]);

describe('the flows of groups, after any changes in any order', () => {
  it('are those of a rendering from nothing, and let pass exactly what the rules mean', () => {
    fc.assert(
      fc.property(fc.array(move, { minLength: 4, maxLength: 25 }), fc.boolean(), (moves, together) => {
        const builder = new ViewBuilder('cmp1').node('cmp1').network(500, 'local').placed(500, { cmp1: 7 });
        for (const n of GROUPS) builder.group(n);
        for (const n of PORTS) builder.port(n, 500, { securityGroupIds: [idOf(GROUPS[n % 3] ?? 0)] });
        const wanted = new WantedSwitch();
        const step = (touched: ReadonlySet<ObjectKey> | 'all') => {
          wanted.update(builder.view, config, observed, touched, true);
          wanted.settle(observed);
        };
        step('all');
        const all = moves.flatMap((each) => {
          const keys = done(builder, each);
          if (!together) step(new Set(keys));
          return keys;
        });
        if (together) step(new Set(all));
        const flows = wanted.desired(wanted.all()).flows.get('br-int') ?? [];
        const lines = (of: typeof flows) => of.map((flow) => JSON.stringify(flow)).sort();
        const anew = render(builder.view, config, observed, { mayRemove: true }).flows.get('br-int') ?? [];
        expect(lines(flows)).toEqual(lines(anew));
        for (const n of PORTS) {
          const port = builder.view.objects.get(`port/${idOf(n)}`);
          if (port?.kind !== 'port') continue;
          const classify = flows.find(({ key }) => key.startsWith(`priority=10,in_port=tap${n}`));
          const classNumber = /set_field:(0x[0-9a-f]+)->reg7/.exec(classify?.actions ?? '')?.[1] ?? '';
          if (flows.some(({ key }) => key === `table=72, priority=70,ip,reg7=${classNumber}`)) continue; // stateless
          for (const packet of PACKETS)
            expect([n, packet, passes(flows, RULES.stateful[packet.direction], classNumber, packet)]).toEqual([
              n,
              packet,
              allows(builder.view, port.securityGroupIds, packet),
            ]);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
