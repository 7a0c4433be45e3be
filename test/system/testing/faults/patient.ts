/** A lab with all that faults are made on, and how doctor is asked about it. */
import { expect } from '@jest/globals';
import type { TestLab } from '../test-lab.js';
import type { Fault, Patient } from './hands.js';

type Cause = Readonly<{ check: string; what: string; mend: { by: string; how: string }; event: unknown }>;
export type Told = Readonly<{
  healthy: boolean;
  causes: readonly Cause[];
  checked: readonly { check: string }[];
  unknown: readonly { check: string; why: string }[];
  took_ms: number;
}>;

export async function patientOf(lab: TestLab): Promise<Patient> {
  const vm1 = lab.instance('vm1');
  const network = await lab.create('network', { name: 'alone' });
  const aloneSubnet = await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '192.168.60.0/24' });
  const alone = await lab.newInstance('vm3', 'cmp2', network, { prefix: 24, gateway: '192.168.60.1' });
  const [floatingIp] = await lab.list('floatingips', `?port_id=${vm1.portId}`);
  if (!floatingIp) throw new Error('the lab has no floating IP');
  const publicNetwork = await lab.named('networks', 'public');
  const direct = await lab.newInstance('vm4', 'cmp1', publicNetwork, { prefix: 24, gateway: '10.255.253.1' });
  return {
    ...{ lab, vm1, vm2: lab.instance('vm2'), alone, aloneSubnet, direct, floatingIp, publicNetwork },
    router: await lab.named('routers', 'router1'),
    privateNetwork: await lab.named('networks', 'private'),
    privateSubnet: await lab.named('subnets', 'private-subnet'),
    publicSubnet: await lab.named('subnets', 'public-subnet'),
  };
}

/** Of names that are needed before there is a lab. */
export const NOBODY = {
  floatingIp: { id: '', floating_ip_address: '' },
  router: { id: '', external_gateway_info: { external_fixed_ips: [] } },
  vm1: { ip: '' },
  privateNetwork: { id: '' },
} as unknown as Patient;

export async function askDoctor(lab: TestLab, path: string): Promise<Told> {
  const { status, body } = await lab.request('GET', `/v2.0/doctor${path === '' ? '' : '/'}${path}`);
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  return body?.['doctor'] as Told;
}

const told = ({ causes, unknown }: Told): string =>
  JSON.stringify({ causes: causes.map(({ check, what }) => `${check}: ${what}`), unknown }, null, 1);

export async function expectWell(lab: TestLab, path: string): Promise<Told> {
  const found = await askDoctor(lab, path);
  expect(told(found)).toBe(told({ ...found, causes: [], unknown: [] }));
  expect(found.healthy).toBe(true);
  return found;
}

/** Of everything, when what was broken last may still be on its way back. */
export async function expectWellAgain(lab: TestLab): Promise<void> {
  const end = performance.now() + MENDED_MS;
  while (!(await askDoctor(lab, '')).healthy && performance.now() < end);
  await expectWell(lab, '');
}
const MENDED_MS = 60_000;

/** Makes it, asks, and unmakes it. */
export async function expectNamed(lab: TestLab, { check, ask, make, unmake, says }: Fault): Promise<void> {
  try {
    await make();
    const found = await askDoctor(lab, ask());
    if (found.causes[0]?.check !== check) throw new Error(`it is ${check}, and doctor says ${told(found)}`);
    if (says) expect(found.causes[0].what).toMatch(says());
    expect(found.causes[0].mend.how).not.toBe('');
  } finally {
    await unmake();
  }
}
