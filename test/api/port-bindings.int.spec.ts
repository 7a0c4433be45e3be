/** The bindings of a port, as Nova's live migration uses them (alias binding-extended). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';

type Fields = { id: string; [attribute: string]: unknown };
const NOBODY = '00000000-0000-4000-8000-0000000000ff';

describe('bindings of a port', () => {
  let api: ApiProcess;
  let port: Fields;
  const nodes: ObservedNode[] = [];
  const path = (rest = '') => `/v2.0/ports/${port.id}/bindings${rest}`;
  const bindings = async (query = '') => {
    const { body } = await api.call('GET', path(query));
    return (body as { bindings: Fields[] }).bindings.map(({ host, status }) => [host, status]);
  };
  const shownPort = () => api.make<Fields>('GET', `/v2.0/ports/${port.id}`, undefined);

  beforeAll(async () => {
    api = await ApiProcess.start();
    nodes.push(await ObservedNode.start(api, 'src1', '10.9.0.1'));
    nodes.push(await ObservedNode.start(api, 'dst1', '10.9.0.2'));
    const network = await api.make<Fields>('POST', '/v2.0/networks', { network: {} });
    port = await api.make<Fields>('POST', '/v2.0/ports', {
      port: { network_id: network.id, device_owner: 'compute:nova', device_id: NOBODY, 'binding:host_id': 'src1' },
    });
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await api?.stop();
  });

  it('the extension is listed', async () => {
    const { body } = await api.call('GET', '/v2.0/extensions/binding-extended');
    expect(body).toMatchObject({ extension: { alias: 'binding-extended' } });
  });

  it('a live migration: bound there, activated, the old one deleted', async () => {
    const plugged = {
      vif_type: 'ovs',
      vif_details: {
        connectivity: 'l2',
        port_filter: true,
        ovs_hybrid_plug: false,
        datapath_type: 'netdev',
        bridge_name: 'br-int',
      },
    };
    const made = await api.call('POST', path(), {
      binding: { host: 'dst1', vnic_type: 'normal', profile: { migrating_to: 'dst1' } },
    });
    expect(made).toMatchObject({ status: 201 });
    const inactive = { host: 'dst1', vnic_type: 'normal', profile: { migrating_to: 'dst1' }, ...plugged };
    expect(made.body).toEqual({ binding: { ...inactive, status: 'INACTIVE' } });
    expect(await api.call('GET', path('/dst1'))).toMatchObject({ status: 200, body: made.body as object });
    expect(await bindings()).toEqual([
      ['src1', 'ACTIVE'],
      ['dst1', 'INACTIVE'],
    ]);
    expect((await api.call('GET', path('/src1?fields=host&fields=status'))).body).toEqual({
      binding: { host: 'src1', status: 'ACTIVE' },
    });
    expect(await shownPort()).toMatchObject({ 'binding:host_id': 'src1', 'binding:vif_type': 'ovs' });

    // As python-neutronclient asks, without a body, and as openstacksdk does.
    const activated = await api.call('PUT', path('/dst1/activate'));
    expect(activated).toMatchObject({ status: 200, body: { ...inactive, status: 'ACTIVE' } });
    expect(await api.call('PUT', path('/dst1/activate'), { binding: { host: 'dst1' } })).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'PortBindingAlreadyActive' } },
    });
    expect(await shownPort()).toMatchObject({
      'binding:host_id': 'dst1',
      'binding:profile': { migrating_to: 'dst1' },
    });
    expect(await bindings()).toEqual([
      ['dst1', 'ACTIVE'],
      ['src1', 'INACTIVE'],
    ]);
    expect((await api.call('DELETE', path('/src1'))).status).toBe(204);
    expect(await bindings()).toEqual([['dst1', 'ACTIVE']]);
  });

  it('a port is ACTIVE by what the host of its active binding says since it was activated', async () => {
    const position = async () =>
      Number((await api.database.query<{ n: string }>('SELECT max(position) AS n FROM plumbline.events')).rows[0]?.n);
    const wired = async (node: ObservedNode | undefined) =>
      node?.report('ovs', [{ kind: 'port', id: port.id, status: 'ACTIVE', position: await position() }]);
    await wired(nodes[1]);
    expect(await shownPort()).toMatchObject({ status: 'ACTIVE' });
    await api.call('POST', path(), { binding: { host: 'src1' } });
    await wired(nodes[0]);
    expect((await api.call('PUT', path('/src1/activate'))).status).toBe(200);
    expect(await shownPort()).toMatchObject({ status: 'DOWN' });
    await wired(nodes[0]);
    expect(await shownPort()).toMatchObject({ status: 'ACTIVE' });
    expect((await api.call('DELETE', path('/dst1'))).status).toBe(204);
  });

  it('are changed and filtered', async () => {
    await api.call('POST', path(), { binding: { host: 'dst1' } });
    const changed = await api.call('PUT', path('/dst1'), { binding: { profile: { a: 1 } } });
    expect(changed).toMatchObject({ status: 200, body: { binding: { profile: { a: 1 }, status: 'INACTIVE' } } });
    expect(await bindings('?status=INACTIVE')).toEqual([['dst1', 'INACTIVE']]);
    expect(await bindings('?host=src1&host=dst1')).toHaveLength(2);
    expect(await bindings('?vif_type=unbound')).toEqual([]);
    const strange = await api.call('PUT', path('/dst1'), { binding: { vnic_type: 'direct' } });
    expect(strange.body).toMatchObject({ binding: { vif_type: 'binding_failed', vif_details: {} } });
    expect((await api.call('DELETE', path('/dst1'))).status).toBe(204);
  });

  it.each([
    ['POST', '', { binding: { host: 'src1' } }, 409, 'PortBindingAlreadyExists'],
    ['POST', '', { binding: { host: 'nowhere' } }, 409, 'PortBindingError'],
    ['POST', '', { binding: {} }, 400, 'HTTPBadRequest'],
    ['POST', '', { binding: { host: '' } }, 400, 'HTTPBadRequest'],
    ['POST', '', { bindings: [{ host: 'dst1' }] }, 400, 'HTTPBadRequest'],
    ['POST', '', { binding: { host: 'dst1', status: 'ACTIVE' } }, 400, 'HTTPBadRequest'],
    ['PUT', '/src1', { binding: { host: 'dst1' } }, 400, 'HTTPBadRequest'],
    ['PUT', '/dst1', { binding: { profile: {} } }, 404, 'PortBindingNotFound'],
    ['PUT', '/dst1/activate', undefined, 404, 'PortBindingNotFound'],
    ['GET', '/dst1', undefined, 404, 'PortBindingNotFound'],
    ['GET', '?nonsense=1', undefined, 400, 'HTTPBadRequest'],
    ['DELETE', '/dst1', undefined, 404, 'PortBindingNotFound'],
  ] as const)('%s %s %j is %s %s', async (method, rest, body, status, type) => {
    expect(await api.call(method, path(rest), body)).toMatchObject({ status, body: { NeutronError: { type } } });
  });

  it('belong to ports of instances that exist', async () => {
    const of = (id: string) => api.call('POST', `/v2.0/ports/${id}/bindings`, { binding: { host: 'dst1' } });
    expect(await of(NOBODY)).toMatchObject({ status: 404, body: { NeutronError: { type: 'PortNotFound' } } });
    expect(await of('none')).toMatchObject({ status: 404, body: { NeutronError: { type: 'PortNotFound' } } });
    const bare = await api.make<Fields>('POST', '/v2.0/ports', { port: { network_id: port['network_id'] } });
    expect(await of(bare.id)).toMatchObject({ status: 400, body: { NeutronError: { type: 'BadRequest' } } });
  });
});
