/** Address scopes, subnet pools, free addresses of a network, and an auto-allocated topology, with `openstack`. */
import { expect } from '@jest/globals';
import type { Journey, Step } from '../journey.js';

/** Only with a login: without one the client has no project to make it for. */
const topology: Journey = [
  {
    run: 'network auto allocated topology create --check-resources',
    fails: /subnetpool|external network|requirements/i,
  },
  { run: 'network create out --external --default --provider-network-type flat --provider-physical-network physnet1' },
  { run: 'subnet create outs --network out --subnet-range 10.200.0.0/24 --no-dhcp' },
  {
    run: 'subnet pool create base --pool-prefix 10.20.0.0/16 --default-prefix-length 24 --default --share',
    shows: { is_default: true },
  },
  // This client asks for the topology of a project that it knows from its token, and shows nothing of a check that went well.
  { run: 'network auto allocated topology create --check-resources', shows: { dry_run: null } },
  { run: 'network auto allocated topology create', only: 'builtin', as: 'topology', shows: { id: expect.any(String) } },
  { run: 'network auto allocated topology create', only: 'builtin', shows: { id: '{topology.id}' } },
  {
    run: 'network show {topology.id}',
    only: 'builtin',
    shows: { name: 'auto_allocated_network', 'router:external': false },
  },
  { run: 'subnet list --network {topology.id} --long', only: 'builtin', has: [{ Subnet: '10.20.0.0/24' }] },
  {
    run: 'router list --long',
    only: 'builtin',
    // ACTIVE as soon as its node has said that it made it.
    has: [
      {
        Status: expect.stringMatching(/^(ACTIVE|BUILD)$/),
        'External gateway info': expect.objectContaining({ enable_snat: true }),
      },
    ],
  },
  { run: 'network auto allocated topology delete', only: 'builtin' },
  { run: 'network list', column: ['Name', ['out']] },
  { run: 'router list', column: ['Name', []] },
  { run: 'subnet pool delete base' },
  { run: 'network delete out' },
];

export const addressing: Journey = [
  { run: 'address scope create plan --ip-version 4', as: 'plan', shows: { ip_version: 4, shared: false } },
  { run: 'address scope create plan6 --ip-version 6 --share', shows: { ip_version: 6, shared: true } },
  { run: 'address scope list', column: ['Name', ['plan', 'plan6']] },
  { run: 'address scope list --ip-version 6', column: ['Name', ['plan6']] },
  { run: 'address scope set plan6 --name six --no-share', fails: /share/ },
  { run: 'address scope set plan6 --name six' },
  {
    run: 'subnet pool create pool --pool-prefix 10.10.0.0/16 --pool-prefix 10.11.0.0/16 --default-prefix-length 26 --min-prefix-length 24 --max-prefix-length 28 --address-scope plan --tag t',
    as: 'pool',
    shows: {
      prefixes: ['10.10.0.0/15'],
      default_prefixlen: 26,
      min_prefixlen: 24,
      max_prefixlen: 28,
      address_scope_id: '{plan.id}',
      ip_version: 4,
      tags: ['t'],
    },
  },
  { run: 'subnet pool list --address-scope plan', column: ['Name', ['pool']] },
  {
    run: 'subnet pool create clash --pool-prefix 10.10.128.0/24 --address-scope plan',
    fails: /must have unique prefixes/,
  },
  { run: 'address scope delete plan', fails: /in use/ },
  { run: 'network create net' },
  {
    run: 'subnet create s1 --network net --subnet-pool pool',
    as: 's1',
    shows: { subnetpool_id: '{pool.id}', cidr: '10.10.0.0/26', gateway_ip: '10.10.0.1' },
  },
  {
    run: 'subnet create s2 --network net --subnet-pool pool --prefix-length 25',
    shows: { cidr: expect.stringMatching(/^10\.1[01]\..*\/25$/) },
  },
  { run: 'subnet create s3 --network net --subnet-pool pool --prefix-length 30', fails: /prefix|greater than|max/ },
  {
    run: 'subnet create s3 --network net --subnet-pool pool --subnet-range 10.11.5.0/26',
    shows: { cidr: '10.11.5.0/26' },
  },
  {
    run: 'subnet create s4 --network net --subnet-pool pool --subnet-range 10.12.5.0/26',
    fails: /Cannot allocate requested subnet/,
  },
  { run: 'subnet list --subnet-pool pool', column: ['Name', ['s1', 's2', 's3']] },
  { run: 'network show net', shows: { ipv4_address_scope: '{plan.id}', ipv6_address_scope: null } },
  { run: 'subnet pool set pool --pool-prefix 10.12.0.0/16 --default-prefix-length 27 --name wider' },
  {
    run: 'subnet pool show wider',
    shows: { default_prefixlen: 27, prefixes: expect.arrayContaining(['10.12.0.0/16']) },
  },
  { run: 'subnet pool delete wider', fails: /Subnet pool .*(in use|allocated)|[Uu]nable/ },
  { run: 'ip availability list', has: [{ 'Network Name': 'net', 'Used IPs': 0 }] },
  { run: 'port create p --network net --fixed-ip subnet=s1' },
  {
    run: 'ip availability show net',
    shows: {
      network_name: 'net',
      used_ips: 1,
      total_ips: 61 + 125 + 61,
      subnet_ip_availability: expect.arrayContaining([
        expect.objectContaining({ subnet_name: 's1', cidr: '10.10.0.0/26', ip_version: 4, total_ips: 61, used_ips: 1 }),
      ]),
    },
  },
  { run: 'port delete p' },
  { run: 'network delete net' },
  { run: 'subnet pool delete wider' },
  { run: 'address scope delete plan six' },
  { run: 'address scope list', column: ['Name', []] },

  ...topology.map((step): Step => ({ ...step, only: 'builtin' })),
];
