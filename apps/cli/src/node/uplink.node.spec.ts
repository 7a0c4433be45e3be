/** `plumb node uplink`, `map` and `unmap` as an operator types them, on a machine with a switch of its own. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { startOvs, type OwnOvs } from '@plumbline/ovsdb/testing';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const FOREIGN_FLOW = 'cookie=0xabc,priority=77,dl_dst=02:00:00:00:00:99,actions=drop';

describe('on a node', () => {
  let ovs: OwnOvs;
  let outside: ScratchNetns;
  const ip = (...argv: string[]) => run(['ip', '-n', ovs.netns, ...argv]);
  const vsctl = async (...argv: string[]): Promise<string> =>
    (await ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, '--timeout=10', ...argv])).stdout.trim();
  const plumb = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { code, stdout, stderr } = await run([process.execPath, MAIN, 'node', ...argv, '--ovsdb', ovs.remote], {
      netns: ovs.netns,
      okCodes: [0, 1],
      timeoutMs: 60_000,
      // As sshd(8) sets it, so that a session of whoever runs this spec plays no part.
      env: { SSH_CONNECTION: '203.0.113.1 4000 203.0.113.2 22', ...env },
    });
    return { code, text: stdout + stderr };
  };
  const uplink = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    plumb(['uplink', ...argv, '--datapath', 'netdev'], env);
  const bridges = async () => (await vsctl('list-br')).split('\n').filter(Boolean);
  const ports = async (bridge: string) => (await vsctl('list-ports', bridge)).split('\n').filter(Boolean);

  beforeAll(async () => {
    ovs = await startOvs();
    outside = await makeNetns('outside');
    for (const [device, far] of [
      ['eth0', 'far0'],
      ['eth1', 'far1'],
      ['eth2', 'far2'],
    ] as const) {
      await ip('link', 'add', device, 'type', 'veth', 'peer', 'name', far, 'netns', outside.name);
      await run(['ip', '-n', outside.name, 'link', 'set', far, 'up']);
    }
    await ip('link', 'set', 'eth0', 'up');
    await ip('address', 'add', '10.20.0.11/24', 'dev', 'eth0');
    await ip('route', 'add', 'default', 'via', '10.20.0.1');
    await run(['ip', '-n', outside.name, 'address', 'add', '10.16.161.67/21', 'dev', 'far1']);
    await vsctl('add-br', 'br-ex', '--', 'set', 'Bridge', 'br-ex', 'datapath_type=netdev');
    await vsctl('add-port', 'br-ex', 'own0', '--', 'set', 'Interface', 'own0', 'type=internal');
    await ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', `unix:${ovs.dir}/br-ex.mgmt`, FOREIGN_FLOW]);
    await ip('address', 'add', '10.16.161.54/21', 'dev', 'own0');
    await ip('link', 'set', 'own0', 'up');
    // Checksums that nobody computes are no matter of this spec.
    await run(['ip', 'netns', 'exec', outside.name, 'ethtool', '-K', 'far1', 'tx', 'off']);
  });
  afterAll(async () => {
    await ovs.stop();
    await outside.remove();
  });

  it('an uplink joins a bridge that is there: its ports and flows stay, and packets leave by it', async () => {
    const before = await vsctl('get', 'Port', 'own0', '_uuid');
    expect(await uplink(['br-ex', 'eth1', '--dry-run'])).toMatchObject({ code: 0 });
    expect(await ports('br-ex')).toEqual(['own0']);
    const { code, text } = await uplink(['br-ex', 'eth1']);
    expect([code, text]).toEqual([
      0,
      `bridge br-ex is there and stays as it is, with its ports own0
eth1 becomes a port of it, and is set up with ARP off
done; your network configuration must set eth1 up after a reboot, with ARP off and without an address
`,
    ]);
    expect(await ports('br-ex')).toEqual(['eth1', 'own0']);
    expect(await vsctl('get', 'Port', 'own0', '_uuid')).toBe(before);
    const flows = await ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'dump-flows', `unix:${ovs.dir}/br-ex.mgmt`]);
    expect(flows.stdout).toContain('cookie=0xabc');
    expect((await ip('link', 'show', 'eth1')).stdout).toMatch(/<[^>]*NOARP[^>]*,UP/);
    await run(['ping', '-c', '3', '-i', '0.2', '-W', '2', '10.16.161.67'], { netns: ovs.netns });
    const again = await uplink(['br-ex', 'eth1']);
    expect([again.code, again.text]).toEqual([0, expect.stringContaining('it is so already')]);
  });

  it('one that bears the default route, the session or an address is refused until the caller insists', async () => {
    const refused = await uplink(['br-mgmt', 'eth0'], { SSH_CONNECTION: '10.20.0.9 4000 10.20.0.11 22' });
    expect(refused.code).toBe(1);
    expect(refused.text).toContain('WARNING: eth0: it bears the default route of this machine, via 10.20.0.1');
    expect(refused.text).toContain('WARNING: eth0: it bears your own session, SSH from 10.20.0.9 to 10.20.0.11');
    expect(refused.text).toContain('WARNING: eth0: its address 10.20.0.11/24 would answer nobody');
    expect(refused.text).toMatch(/nothing was changed: .*repeat with --yes\n$/);
    // The route alone is enough, and so is the session alone: on a second uplink, which has no address.
    await ip('link', 'set', 'eth2', 'up');
    await ip('route', 'replace', '198.51.100.0/24', 'dev', 'eth2', 'scope', 'link');
    const session = await uplink(['br-mgmt', 'eth2'], { SSH_CONNECTION: '198.51.100.9 4000 10.20.0.11 22' });
    expect([session.code, session.text]).toEqual([1, expect.stringContaining('it bears your own session')]);
    expect(session.text).not.toContain('default route');
    await ip('route', 'replace', 'default', 'dev', 'eth2');
    const route = await uplink(['br-mgmt', 'eth2']);
    expect([route.code, route.text]).toEqual([1, expect.stringContaining('the default route of this machine')]);
    expect(route.text).not.toContain('session');
    expect(await bridges()).toEqual(['br-ex']);
    const insisted = await uplink(['br-mgmt', 'eth0', '--yes']);
    expect([insisted.code, insisted.text]).toEqual([0, expect.stringContaining('bridge br-mgmt is made')]);
    expect([await bridges(), await ports('br-mgmt')]).toEqual([['br-ex', 'br-mgmt'], ['eth0']]);
    expect(await vsctl('get', 'Bridge', 'br-mgmt', 'datapath_type')).toBe('netdev');
  });

  it('an interface that is elsewhere, or is none, is refused in any case, and nothing is made', async () => {
    for (const [device, reason] of [
      ['eth1', 'eth1 is a port of bridge br-ex: take it off there first'],
      ['eth9', 'there is no interface eth9'],
    ] as const) {
      const { code, text } = await uplink(['br-other', device, '--yes']);
      expect([code, text]).toEqual([1, expect.stringContaining(reason)]);
    }
    expect(await bridges()).toEqual(['br-ex', 'br-mgmt']);
  });

  it('mappings are shown, set one by one in the switch’s record, and taken away', async () => {
    const record = () => vsctl('--if-exists', 'get', 'Open_vSwitch', '.', 'external_ids:plumb-bridge-mappings');
    const env = { PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex' };
    const unknown = await plumb(['map', 'physnet2', 'br-mgmt']);
    expect([unknown.code, unknown.text]).toEqual([1, expect.stringContaining("load the agents' environment first")]);
    expect((await plumb(['map'], env)).text).toBe('physnet1:br-ex   (as PLUMB_BRIDGE_MAPPINGS says)\n');
    expect(await record()).toBe('');
    expect((await plumb(['map', 'physnet2', 'br-mgmt'], env)).text).toContain('physnet1:br-ex,physnet2:br-mgmt');
    expect(await record()).toBe('"physnet1:br-ex,physnet2:br-mgmt"');
    // From now on the record counts, whatever the settings say.
    expect((await plumb(['map'], env)).text).toContain("as set in the switch's record");
    const twice = await plumb(['map', 'physnet3', 'br-ex']);
    expect([twice.code, twice.text]).toEqual([1, expect.stringContaining('a bridge of its own')]);
    expect((await plumb(['map', 'physnet2', 'br-two'])).text).toContain('physnet1:br-ex,physnet2:br-two');
    expect((await plumb(['unmap', 'physnet1'])).text).toContain('physnet2:br-two');
    expect((await plumb(['unmap', 'physnet2'])).text).toContain('no physical network is mapped');
    expect(await record()).toBe('""');
  });
});
