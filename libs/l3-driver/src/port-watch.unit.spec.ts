import { describe, expect, it } from '@jest/globals';
import type { InterfaceRow, MirrorChange, MirrorListener } from '@plumbline/ovsdb';
import { watchPorts } from './port-watch.js';

const row = (more: Partial<InterfaceRow> = {}): InterfaceRow => ({
  uuid: 'interface',
  name: 'tap1',
  type: '',
  options: {},
  mac: null,
  mac_in_use: null,
  mtu: null,
  mtu_request: null,
  ofport: 4,
  ofport_request: null,
  ifindex: 7,
  admin_state: 'up',
  link_state: 'up',
  error: null,
  bfd: {},
  bfd_status: {},
  external_ids: { 'iface-id': 'port-1', 'attached-mac': 'fa:16:3e:00:00:01', 'plumb-owner': 'l3', plumb: '5' },
  other_config: {},
  ...more,
});

class FakeMirror {
  inSync = true;
  uuid: string | undefined = 'bridge-1';
  private listener: MirrorListener = () => undefined;
  readonly told: (ReadonlySet<string> | 'all')[] = [];

  constructor() {
    // Of a bridge only its uuid is looked at.
    watchPorts(this as never, (ports) => this.told.push(ports));
  }
  bridge(name: string): { uuid: string } | undefined {
    return name === 'br-int' && this.uuid !== undefined ? { uuid: this.uuid } : undefined;
  }
  onChange(listener: MirrorListener): () => void {
    this.listener = listener;
    return () => undefined;
  }
  change(before: InterfaceRow | undefined, after: InterfaceRow | undefined): void {
    const change: MirrorChange = { table: 'Interface', uuid: 'interface', before, after, columns: [] };
    this.listener([change]);
  }
  commit(): void {
    this.listener([]);
  }
}

describe('watchPorts', () => {
  it.each<[string, InterfaceRow | undefined]>([
    ['its device vanished with its namespace', row({ ifindex: 0, admin_state: 'down', link_state: 'down' })],
    ['the switch lost it', row({ ofport: -1 })],
    ['its device was set down', row({ admin_state: 'down' })],
    ['the device in the namespace was set down', row({ link_state: 'down' })],
    ['it says to be another port', row({ external_ids: { 'iface-id': 'other', 'plumb-owner': 'l3' } })],
    ['it was taken off the bridge', undefined],
  ])('tells of a port of ours: %s', (_name, after) => {
    const mirror = new FakeMirror();
    mirror.change(row(), after);
    expect(mirror.told).toEqual([new Set(['port-1'])]);
  });

  it('is silent when a port comes, becomes better, or is another’s', () => {
    const mirror = new FakeMirror();
    mirror.change(undefined, row());
    mirror.change(row({ ifindex: 0, ofport: -1, admin_state: 'down', link_state: 'down' }), row());
    mirror.change(row(), row({ external_ids: { ...row().external_ids, plumb: '9' } }));
    const theirs = row({ external_ids: { 'iface-id': 'vm' } });
    mirror.change(theirs, undefined);
    expect(mirror.told).toEqual([]);
  });

  it('asks for a look at all when the bridge comes, comes back as another within one update, or the database is back', () => {
    const mirror = new FakeMirror();
    mirror.uuid = undefined;
    mirror.change(row(), undefined);
    expect(mirror.told).toEqual([]);
    mirror.uuid = 'bridge-2';
    mirror.commit();
    mirror.uuid = 'bridge-3';
    mirror.change(row(), undefined);
    mirror.inSync = false;
    mirror.commit();
    mirror.inSync = true;
    mirror.commit();
    mirror.commit();
    expect(mirror.told).toEqual(['all', 'all', 'all']);
  });
});
