/** Debian's keepalived in an instance: it holds a virtual address together with others, by VRRP (RFC 5798). Who has the highest priority of those that run has it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { argvAt, ensureUnit, labEnvironment, removeUnit } from '@plumbline/lab';
import type { TestLab } from './test-lab.js';

/** Starts it; who held the address before hears of it within a second. Resolves with a function that ends it as a shutdown does: the next one takes the address. */
export async function keepAlive(
  lab: TestLab,
  instance: string,
  address: string,
  priority: number,
): Promise<() => Promise<void>> {
  const { stateDir } = lab.spec;
  const name = `keepalived-${instance}`;
  const file = path.join(stateDir, `${name}.conf`);
  const lines = [
    'vrrp_instance virtual {',
    '  state BACKUP',
    '  interface eth0',
    '  virtual_router_id 51',
    `  priority ${priority}`,
    '  advert_int 1',
    '  garp_master_delay 1',
    `  virtual_ipaddress { ${address}/32 }`,
    '}',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
  const pidFile = (of: string): string => path.join(stateDir, `${name}.${of}.pid`);
  const files = [`--use-file=${file}`, `--pid=${pidFile('main')}`, `--vrrp_pid=${pidFile('vrrp')}`];
  await ensureUnit(stateDir, {
    name,
    order: 41,
    argv: argvAt(lab.spec, lab.state, instance, [
      ...['/usr/sbin/keepalived', '--vrrp', '--dont-fork', '--log-console', '--no-syslog', ...files],
    ]),
    env: labEnvironment(lab.state.labId),
    restart: false,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
  return () => removeUnit(stateDir, name);
}
