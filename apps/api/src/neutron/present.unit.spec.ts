import { describe, expect, it } from '@jest/globals';
import { present, texter } from './present.js';
import type { Row, Viewer } from './attribute.js';
import type { Resource } from './resource.js';
import { networks } from './resources/networks.js';
import { ports } from './resources/ports.js';
import { segments } from './resources/segments.js';

const port = Object.freeze({
  projectId: 'p1',
  name: 'p',
  networkId: 'n1',
  fixedIps: [{ subnetId: 's1', ipAddress: '10.0.0.3' }],
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  dnsName: '',
  servesDhcp: false,
  binding: { host: '', vnicType: 'normal', profile: {} },
});
const network = Object.freeze({ projectId: 'p1', name: 'n', shared: false, networkType: 'vxlan', segmentationId: 7 });
const admin: Viewer = { projectId: 'p1', role: 'admin', dnsDomain: 'example.' };
const member: Viewer = { projectId: 'p1', role: 'member', dnsDomain: 'example.' };

/** Each case shows something else than the one before it, of the same object or of another. */
const CASES: readonly [string, Resource, Row, Viewer, string[] | null][] = [
  ['a port', ports, { id: 'a', doc: port, host: '', status: 'DOWN' }, admin, null],
  ['its status has changed', ports, { id: 'a', doc: port, host: '', status: 'ACTIVE' }, admin, null],
  ['its host has changed', ports, { id: 'a', doc: port, host: 'cmp1', status: 'ACTIVE' }, admin, null],
  ['somebody else looks', ports, { id: 'a', doc: port, host: 'cmp1', status: 'ACTIVE' }, member, null],
  ['some fields', ports, { id: 'a', doc: port, host: 'cmp1', status: 'ACTIVE' }, member, ['id', 'status']],
  [
    'it has followed another',
    ports,
    { id: 'a', doc: { ...port, name: 'q' }, host: 'cmp1', status: 'ACTIVE' },
    member,
    null,
  ],
  ['a network', networks, { id: 'n', doc: network, subnets: { ids: [] }, shared_with: [] }, member, null],
  ['with a subnet', networks, { id: 'n', doc: network, subnets: { ids: ['s1'] }, shared_with: [] }, member, null],
  ['shared', networks, { id: 'n', doc: network, subnets: { ids: ['s1'] }, shared_with: ['p1'] }, member, null],
  [
    'with who looks',
    networks,
    { id: 'n', doc: network, subnets: { ids: ['s1'] }, shared_with: ['p1'] },
    { ...member, projectId: 'p3' },
    null,
  ],
  [
    'as its segment',
    segments,
    { id: 'n', doc: network, subnets: { ids: ['s1'] }, shared_with: ['p1'] },
    { ...member, projectId: 'p3' },
    null,
  ],
];

describe('a list shows what each row alone shows', () => {
  const alone = (resource: Resource, row: Row, viewer: Viewer, fields: string[] | null): string =>
    JSON.stringify([present(resource, row, viewer, fields && new Set(fields))]);

  it.each([...CASES, ...[...CASES].reverse()])('%s', (_what, resource, row, viewer, fields) => {
    const { known, read } = texter(resource, viewer, fields && new Set(fields));
    for (const text of [known(row), known({ ...row }), read(row)])
      expect(`[${text}]`).toBe(alone(resource, row, viewer, fields));
  });

  it('and each case differs from the one before it', () => {
    const shown = CASES.map(([, ...given]) => alone(...given));
    for (const [n, text] of shown.entries()) expect(text).not.toBe(shown[n - 1]);
  });
});
