/**
 * `plumb doctor` on a lab: faults of every sort, each made for real, asked about, and unmade; and what is well. The seeded fault must be named first, and nothing where nothing is
 * wrong.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { faultsOf, type Fault, type Patient } from './testing/faults/index.js';
import { expectNamed, expectWell, expectWellAgain, NOBODY, patientOf } from './testing/faults/patient.js';
import { TestLab, upTimeoutMs } from './testing/test-lab.js';

let lab: TestLab;
let patient: Patient;
let faults: ReadonlyMap<string, Fault>;

beforeAll(async () => {
  lab = await TestLab.up('d');
  patient = await patientOf(lab);
  faults = new Map(faultsOf(patient).map((fault) => [fault.name, fault]));
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

describe('what is well', () => {
  const well: readonly (readonly [string, () => string])[] = [
    ['a floating IP across three nodes', () => `floating-ip/${String(patient.floatingIp['floating_ip_address'])}`],
    ['the same, by its id', () => `floating-ip/${patient.floatingIp.id}`],
    ['TCP to it', () => `floating-ip/${String(patient.floatingIp['floating_ip_address'])}?protocol=tcp&port=80`],
    ['ping to it', () => `floating-ip/${String(patient.floatingIp['floating_ip_address'])}?protocol=icmp`],
    ['the port of an instance', () => `port/${patient.vm1.portId}`],
    ['a port by its name', () => 'port/vm2'],
    ['the port of an instance on a provider network', () => `port/${patient.direct.portId}`],
    ['a tenant network', () => 'network/private'],
    ['an external network', () => 'network/public'],
    ['a network node', () => 'node/net1'],
    ['a compute node', () => 'node/cmp1'],
    ['everything', () => ''],
  ];
  test.each(well)('%s', async (_name, path) => {
    const found = await expectWell(lab, path());
    expect(found.checked.length).toBeGreaterThan(10);
  });
});

/** Names as in `faultsOf`: they are known before there is a lab. */
const NAMES = faultsOf(NOBODY).map(({ name }) => name);

describe('what is broken', () => {
  test.each(NAMES)('%s', async (name) => expectNamed(lab, faults.get(name) as Fault), 180_000);

  test('and all is well again', async () => void (await expectWellAgain(lab)));
});
