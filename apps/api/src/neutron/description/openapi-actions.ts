/** Bodies of the actions below `/{id}`: they are no resources, so no table of attributes describes them. A unit test fails for an action that is not here. */
import { type Json, named } from './openapi-parts.js';

const uuid = { type: 'string', format: 'uuid' };
const address = { type: 'string', description: 'An address or a prefix.' };
const strings = { type: 'array', items: { type: 'string' } };
const routes = named('router', {
  type: 'object',
  properties: {
    routes: {
      type: 'array',
      items: {
        type: 'object',
        properties: { destination: address, nexthop: address },
        required: ['destination', 'nexthop'],
      },
    },
  },
  required: ['routes'],
});
const subnetOrPort = { type: 'object', properties: { subnet_id: uuid, port_id: uuid } };
const prefixes = {
  type: 'object',
  properties: { subnetpool: { type: 'object', properties: { prefixes: strings } }, prefixes: strings },
};
const addresses = named('address_group', {
  type: 'object',
  properties: { addresses: strings },
  required: ['addresses'],
});

/** By the action's name in the path. */
export const ACTIONS: Readonly<Record<string, Readonly<{ about: string; body: Json }>>> = {
  add_router_interface: {
    about: 'Join a subnet, by its gateway address or with a port made before',
    body: subnetOrPort,
  },
  remove_router_interface: { about: 'Leave a subnet, named by itself or by the port', body: subnetOrPort },
  add_extraroutes: { about: 'Add extra routes, and leave the others', body: routes },
  remove_extraroutes: { about: 'Remove extra routes, and leave the others', body: routes },
  add_prefixes: { about: 'Add prefixes', body: prefixes },
  remove_prefixes: { about: 'Remove prefixes that nothing was taken from', body: prefixes },
  onboard_network_subnets: { about: "Take over a network's subnets", body: named('network_id', uuid) },
  add_addresses: { about: 'Add addresses, and leave the others', body: addresses },
  remove_addresses: { about: 'Remove addresses, and leave the others', body: addresses },
};
