/** A stateful fake of Open vSwitch: takes the operations and the ovs-ofctl input that the driver really sends, and refuses what it does not know. */
import { FakeRunner } from '@plumbline/exec/testing';
import { addBridge, addPort, removeBridge, removePort, setColumns } from '@plumbline/ovsdb';
import { portText, WRITTEN_COOKIES } from '@plumbline/ovs-core';
import { canonicalState } from './state.js';
import { FakeDatabase } from './fake-database.js';

type Entry = { cookie: bigint; actions: string };

export class FakeOvs {
  readonly rows = new FakeDatabase();
  /** Bundles that were carried out. */
  bundles = 0;
  dumps = 0;
  /** How often flows were counted. */
  counts = 0;
  readonly runner = new FakeRunner((argv, options) => this.command(argv, options.stdin ?? ''));
  /** Ports by name that no flow may name: the switch refuses the bundle. */
  readonly refusedInFlows = new Set<string>();
  private readonly tables = new Map<string, Map<string, Entry>>();
  private bundleFailures = 0;

  /** The next change fails: of the database, or of flows. */
  failNext(what: 'transaction' | 'bundle'): void {
    if (what === 'transaction') this.rows.failNext();
    else this.bundleFailures += 1;
  }

  /** Failures asked for and not met yet are taken back. */
  failNothing(): void {
    this.rows.failNothing();
    this.bundleFailures = 0;
  }

  get mutations(): number {
    return this.rows.transactions + this.bundles;
  }

  /** Somebody plugs an interface. */
  async plug(name: string, ifaceId: string | null, more: { bridge?: string; tag?: number } = {}): Promise<void> {
    await this.byOthers(() =>
      this.rows.commit(
        addPort({
          bridge: more.bridge ?? 'br-int',
          name,
          port: more.tag === undefined ? {} : { tag: more.tag },
          interface: ifaceId === null ? {} : { external_ids: { 'iface-id': ifaceId } },
        }),
      ),
    );
  }

  async unplug(name: string): Promise<void> {
    const row = this.rows.port(name);
    const bridge = row && this.rows.bridgeOf(row);
    if (row && bridge) await this.byOthers(() => this.rows.commit(removePort(bridge.name, row.uuid)));
  }

  async addForeignBridge(name: string): Promise<void> {
    await this.byOthers(() => this.rows.commit(addBridge({ name, bridge: { datapath_type: 'netdev' } })));
  }

  async deleteBridge(name: string): Promise<void> {
    const row = this.rows.bridge(name);
    if (row) await this.byOthers(() => this.rows.commit(removeBridge(row.uuid)));
  }

  async setTag(port: string, tag: number): Promise<void> {
    await this.byOthers(() => this.rows.commit(setColumns('Port', port, { tag })));
  }

  /** A flow of somebody else's. */
  addForeignFlow(bridge: string, key: string, actions: string): void {
    this.flowsOf(bridge).set(this.numbered(bridge, key), { cookie: 0xabcn, actions });
  }

  deleteFlow(bridge: string, key: string): boolean {
    return this.flowsOf(bridge).delete(this.numbered(bridge, key));
  }

  /** The switch process ends and comes back: no flows. */
  restartSwitch(): void {
    this.tables.clear();
  }

  /** Lines of a bridge's flows as the switch prints them, sorted. */
  dump(bridge: string): string[] {
    return this.lines(bridge, (text) => this.named(bridge, text));
  }

  private lines(bridge: string, print: (text: string) => string): string[] {
    return [...this.flowsOf(bridge)]
      .map(([key, { cookie, actions }]) => print(` cookie=0x${cookie.toString(16)}, ${key} actions=${actions}`))
      .sort();
  }

  /** Everything, in canonical text: two nodes are equal when this is. */
  state(): string {
    return canonicalState(this.rows, (bridge) => this.dump(bridge));
  }

  private async byOthers(work: () => Promise<unknown>): Promise<void> {
    await work();
    this.rows.transactions -= 1;
  }

  private command(argv: readonly string[], stdin: string): string | undefined {
    const [program, ...rest] = argv;
    const socket = rest.find((argument) => argument.startsWith('unix:'));
    const bridge = /\/([^/]+)\.mgmt$/.exec(socket ?? '')?.[1];
    if (program !== 'ovs-ofctl' || bridge === undefined || !this.rows.bridge(bridge)) return undefined;
    const line = rest.join(' ');
    if (line === `-O OpenFlow14 --no-stats --no-names dump-flows ${socket}`) {
      this.dumps += 1;
      return [...this.lines(bridge, (text) => text.replace(/#(\d+)#/g, '$1')), ''].join('\n');
    }
    if (line === `-O OpenFlow14 dump-aggregate ${socket} cookie=${WRITTEN_COOKIES}`) {
      this.counts += 1;
      const [value = 0n, mask = 0n] = WRITTEN_COOKIES.split('/').map(BigInt);
      const written = [...this.flowsOf(bridge).values()].filter(({ cookie }) => (cookie & mask) === value);
      return `OFPST_AGGREGATE reply (OF1.4) (xid=0x2): packet_count=0 byte_count=0 flow_count=${written.length}\n`;
    }
    if (line === `-O OpenFlow14 --no-names --bundle add-flows ${socket} -`) return this.bundle(bridge, stdin);
    return undefined;
  }

  private bundle(bridge: string, stdin: string): string {
    if (this.bundleFailures > 0) {
      this.bundleFailures -= 1;
      throw new Error('ovs-ofctl: failed on purpose');
    }
    const after = new Map(this.flowsOf(bridge));
    stdin.split('\n').forEach((line, index) => this.take(bridge, after, line, index));
    this.tables.set(bridge, after);
    this.bundles += 1;
    return '';
  }

  private take(bridge: string, flows: Map<string, Entry>, line: string, index: number): void {
    if (line === '') return;
    const refuse = (why: string): never => {
      throw new Error(`ovs-ofctl: -:${index + 1}: ${why}`);
    };
    const add = /^add cookie=(0x[0-9a-f]+), (.*priority=.*?) actions=(.+)$/.exec(line);
    const strict = /^delete_strict cookie=(0x[0-9a-f]+)\/(0x[0-9a-f]+), (.+)$/.exec(line);
    const learned = 'vlan_tci=0x[0-9a-f]{4}/0x0fff(?:,dl_dst=[0-9a-f:]{17})?|out_port=\\d+';
    const forget = new RegExp(`^delete cookie=(0x[0-9a-f]+)/(0x[0-9a-f]+), table=20, (?:${learned})$`).exec(line);
    if (add) {
      const [, cookie = '', key = '', actions = ''] = add;
      flows.set(this.numbered(bridge, key, refuse), {
        cookie: BigInt(cookie),
        actions: this.numbered(bridge, actions, refuse),
      });
    } else if (strict) {
      const [, cookie = '', mask = '', key = ''] = strict;
      const number = this.numbered(bridge, key, refuse);
      const found = flows.get(number);
      if (found && (found.cookie & BigInt(mask)) === BigInt(cookie)) flows.delete(number);
    } else if (!forget) refuse('the fake switch does not know this line');
  }

  private flowsOf(bridge: string): Map<string, Entry> {
    const found = this.tables.get(bridge) ?? new Map<string, Entry>();
    this.tables.set(bridge, found);
    return found;
  }

  /** Port names as the numbers they have now; `refuse`: the command takes no names. */
  private numbered(bridge: string, text: string, refuse?: (why: string) => never): string {
    const port = /((?:in_port=|output:))(?:"([^"]+)"|([A-Za-z][A-Za-z0-9]*)(?=[,\s)]|$))/g;
    return text
      .replace(port, (_whole, field: string, quoted?: string, bare?: string) => {
        const name = quoted ?? bare ?? '';
        const number = this.numberOf(bridge, name);
        if (refuse) refuse(`${name}: invalid or unknown port`);
        return `${field}${number === undefined ? portText(name) : `#${number}#`}`;
      })
      .replace(/((?:in_port=|output:))(\d+)(?=[,\s)]|$)/g, (_whole, field: string, number: string) => {
        const name = this.nameOf(bridge, Number(number));
        if (refuse && name !== undefined && this.refusedInFlows.has(name)) refuse(`${name}: invalid or unknown port`);
        return `${field}#${number}#`;
      });
  }

  private named(bridge: string, text: string): string {
    return text.replace(/#(\d+)#/g, (_whole, number: string) => {
      const name = this.nameOf(bridge, Number(number));
      return name === undefined ? number : portText(name);
    });
  }

  private nameOf(bridge: string, number: number): string | undefined {
    const row = this.rows.bridge(bridge);
    return row && this.rows.portsOf(row).find((one) => this.numberOf(bridge, one.name) === number)?.name;
  }

  private numberOf(bridge: string, name: string): number | undefined {
    const port = this.rows.port(name);
    if (!port || this.rows.bridgeOf(port)?.name !== bridge) return undefined;
    const ofport = this.rows.interfacesOf(port)[0]?.ofport ?? null;
    return ofport !== null && ofport > 0 ? ofport : undefined;
  }
}
