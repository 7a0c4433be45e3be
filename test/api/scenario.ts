/** Objects that the specs of routers, floating IPs and forwardings begin with: an external network, a tenant's, a router between, an instance's port. */
import { expect } from '@jest/globals';
import type { Answer, ApiProcess } from './api-process.js';

export type Fields = { id: string; [attribute: string]: unknown };

export const create = (api: ApiProcess, collection: string, name: string, fields: object): Promise<Fields> =>
  api.make<Fields>('POST', `/v2.0/${collection}`, { [name]: fields });

export const addressOf = (port: Fields): string =>
  (port['fixed_ips'] as { ip_address: string }[])[0]?.ip_address as string;

/** The id of a router's gateway port. */
export async function gatewayOf(api: ApiProcess, routerId: string): Promise<string> {
  const query = new URLSearchParams({ device_id: routerId, device_owner: 'network:router_gateway' }).toString();
  const { ports } = (await api.call('GET', `/v2.0/ports?${query}`)).body as { ports: Fields[] };
  return ports[0]?.id as string;
}

export async function scenario(api: ApiProcess) {
  const external = await create(api, 'networks', 'network', {
    name: 'public',
    'router:external': true,
    'provider:network_type': 'flat',
    'provider:physical_network': 'physnet1',
  });
  const outside = await create(api, 'subnets', 'subnet', {
    network_id: external.id,
    cidr: '10.200.0.0/16',
    ip_version: 4,
    gateway_ip: '10.200.0.1',
  });
  const tenant = await create(api, 'networks', 'network', { name: 'private' });
  const inside = await create(api, 'subnets', 'subnet', {
    network_id: tenant.id,
    cidr: '192.168.7.0/24',
    ip_version: 4,
  });
  const router = await create(api, 'routers', 'router', {
    name: 'r1',
    external_gateway_info: { network_id: external.id },
  });
  const interfacePort = await api.call('PUT', `/v2.0/routers/${router.id}/add_router_interface`, {
    subnet_id: inside.id,
  });
  expect(interfacePort.status).toBe(200);
  const port = await create(api, 'ports', 'port', { network_id: tenant.id });
  return { external, outside, tenant, inside, router, interfacePort: interfacePort.body as { port_id: string }, port };
}

/** The refusal's status, type and message, ids of this run taken for those of a sample. */
export function refused(answer: Answer, status: number, type: string, message?: string | RegExp): void {
  const error = (answer.body as { NeutronError?: { type: string; message: string; detail: string } } | null)
    ?.NeutronError;
  expect({ status: answer.status, type: error?.type }).toEqual({ status, type });
  if (message !== undefined) expect(error?.message).toMatch(message);
}
