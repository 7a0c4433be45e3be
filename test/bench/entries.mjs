/**
 * What one port costs API and feeds in a network of 5,000 ports on 200 hosts, beside one of 75 ports on 3 hosts: each host with the network learns where it is. Bound
 * where the network is already, moved, deleted; and the first port on one more host, which learns of all the others.
 */
import { randomUUID } from 'node:crypto';
import { createPorts, deletePort, updatePort } from '../../libs/domain/dist/index.js';
import {
  networkCreated,
  networkPlaced,
  nodeAdmitted,
  nodeRegistered,
  portBound,
  portCreated,
} from '../../libs/topology/dist/testing/index.js';
import { hostName, portOn, withLedger } from './ledger-alone.mjs';
import { median } from './report.mjs';

const ROUNDS = 15;
const WARM_UP = 5;
const PORTS_A_HOST = 25;
/** Of one message that says where one port is now. */
const MESSAGE_BYTES = 800;
const bytesOf = (message) => Buffer.byteLength(JSON.stringify(message));

/** `hosts` hosts that have the network with 25 ports each, and one more that has not. */
function logOf(hosts, networkId) {
  const all = Array.from({ length: hosts }, (_, n) => hostName(n));
  const ports = Array.from({ length: hosts * PORTS_A_HOST }, (_, n) => {
    const portId = randomUUID();
    const fixedIps = [{ subnetId: networkId, ipAddress: `10.0.${n >> 8}.${n & 255}` }];
    const created = portCreated({ portId, networkId, fixedIps }, n + 1);
    return [created, portBound(portId, networkId, all[n % hosts])];
  });
  return [
    ...[...all, hostName(hosts)].flatMap((name, n) => [
      nodeRegistered(name, `10.1.${n >> 8}.${n & 255}`),
      nodeAdmitted(name, ['compute']),
    ]),
    networkCreated({ networkId, segmentationId: 1, portSecurityEnabled: false }),
    ...all.map((name) => networkPlaced(networkId, name, 1)),
    ...ports.flat(),
  ];
}

function measure(hosts) {
  const networkId = randomUUID();
  return withLedger(logOf(hosts, networkId), async ({ execute }) => {
    const took = { bound: [], moved: [], deleted: [], joined: [] };
    let told = { bound: [], joined: [] };
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      const on = (n) => hostName(n % hosts);
      const bound = await execute(createPorts([portOn(networkId, on(round + WARM_UP))]));
      const id = bound.result[0];
      const moved = await execute(
        updatePort(id, { binding: { host: on(round + WARM_UP + 1), vnicType: 'normal', profile: {} } }),
      );
      const deleted = await execute(deletePort(id));
      const joined = await execute(createPorts([portOn(networkId, hostName(hosts))]));
      await execute(deletePort(joined.result[0]));
      for (const { messages } of [bound, moved, deleted])
        if (messages.length !== hosts) console.error(`  ${messages.length} messages for ${hosts} hosts`);
      told = { bound: bound.messages, joined: joined.messages };
      if (round < 0) continue;
      for (const [what, { cpuMs }] of Object.entries({ bound, moved, deleted, joined })) took[what].push(cpuMs);
    }
    const elsewhere = told.bound.filter(({ entered }) => entered.every(({ kind }) => kind === 'forwardingentry'));
    const newcomer = told.joined.find(({ host }) => host === hostName(hosts));
    return {
      ...Object.fromEntries(Object.entries(took).map(([what, each]) => [what, median(each)])),
      messages: told.bound.length,
      bytes: median(elsewhere.map(bytesOf)),
      entries: newcomer.entered.filter(({ kind }) => kind === 'forwardingentry').length,
      newcomerBytes: bytesOf(newcomer),
    };
  });
}

export async function entriesBench() {
  const rows = [];
  const [few, many] = [await measure(3), await measure(200)];
  const what = (name) => `${name}, 5,000 ports on 200 hosts`;
  const beside = (key) => `${few[key].toFixed(1)} with 75 on 3 hosts`;
  for (const [key, name] of [
    ['bound', 'a port is bound'],
    ['moved', 'it moves'],
    ['deleted', 'it is deleted'],
    ['joined', 'the first port on one more host'],
  ])
    rows.push({ name: what(name), value: many[key], unit: 'ms CPU', detail: beside(key) });
  rows.push(
    {
      name: what('messages for a bound port'),
      value: many.messages,
      unit: '',
      target: { atMost: 200 },
      detail: beside('messages'),
    },
    {
      name: what('bytes of one'),
      value: many.bytes,
      unit: 'bytes',
      target: { atMost: MESSAGE_BYTES },
      detail: beside('bytes'),
    },
    {
      name: what('bytes that one more host gets'),
      value: many.newcomerBytes,
      unit: 'bytes',
      detail: `${many.entries} entries; ${few.newcomerBytes} with ${few.entries}`,
    },
  );
  return rows;
}
