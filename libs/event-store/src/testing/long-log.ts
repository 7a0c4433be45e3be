/**
 * Writes a long log in minutes instead of hours: real events of the catalogue with real hashes, put into `events` in large statements, without the append. What is
 * derived from them is not made here: a rebuild does that.
 *
 * The log is that of a cloud with networks on twenty hosts: ports that live, and between them ports that were made and deleted. The same plan gives the same events.
 */
import { PlumbEvent } from '@plumbline/contracts';
import { streamOf } from '@plumbline/topology';
import {
  networkCreated,
  networkPlaced,
  nodeRegistered,
  portBound,
  portCreated,
  subnetCreated,
} from '@plumbline/topology/testing';
import pg from 'pg';
import { chainHash } from '../chain.js';
import { meta } from './commands.js';

export type LongLog = Readonly<{
  /** Ports that live at the end. */
  living: number;
  /** Ports that were made and deleted. */
  deleted: number;
  /** How many were deleted by the plans before this one. */
  deletedBefore?: number;
}>;

const HOSTS = 20;
const PORTS_OF_A_NETWORK = 100;
const AT_A_TIME = 4_000;

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const idOf = (what: number, number: number): string => `${hex(what, 8)}-0000-4000-8000-${hex(number, 12)}`;
const NETWORK = 1;
const SUBNET = 2;
const LIVING = 3;
const DELETED = 4;
const EVENT = 5;

/** Appends the log's events to those there are, as their owner. Resolves with the position of the last. */
export async function writeLongLog(migrationUrl: string, plan: LongLog): Promise<number> {
  const client = new pg.Client({ connectionString: migrationUrl });
  await client.connect();
  try {
    await client.query('SET synchronous_commit = off');
    const { rows } = await client.query<{ position: string; hash: string }>(
      `SELECT position, encode(hash, 'hex') AS hash FROM plumbline.log_head`,
    );
    let position = Number(rows[0]?.position);
    let hash = rows[0]?.hash ?? '';
    let written: Promise<unknown> = Promise.resolve();
    let batch: object[] = [];
    const send = async (): Promise<void> => {
      await written;
      const text = JSON.stringify(batch);
      batch = [];
      written = client.query(
        `INSERT INTO plumbline.events (position, id, stream, stream_version, type, version, envelope, hash)
         SELECT p, i::uuid, s, sv, t, 1, e, decode(h, 'hex')
         FROM jsonb_to_recordset($1::jsonb) AS x (p bigint, i text, s text, sv bigint, t text, e text, h text)`,
        [text],
      );
      // Awaited before the next batch; a failure now must not count as unhandled.
      written.catch(() => undefined);
    };
    for (const { event, streamVersion } of numbered(plan)) {
      position += 1;
      const stream = streamOf(event);
      const id = idOf(EVENT, position);
      const { type, version, data } = event;
      const envelope = JSON.stringify({ id, stream, streamVersion, type, version, data, meta });
      hash = chainHash(hash, position, envelope);
      batch.push({ p: position, i: id, s: stream, sv: streamVersion, t: type, e: envelope, h: hash });
      if (batch.length === AT_A_TIME) await send();
    }
    await send();
    await written;
    await client.query(`UPDATE plumbline.log_head SET position = $1, hash = decode($2, 'hex')`, [position, hash]);
    await client.query('VACUUM ANALYZE plumbline.events');
    return position;
  } finally {
    await client.end();
  }
}

type Numbered = Readonly<{ event: PlumbEvent; streamVersion: number }>;

/** Each with the version of its stream; a subnet is in its network's. */
function* numbered({ living, deleted, deletedBefore = 0 }: LongLog): Generator<Numbered> {
  for (let host = 0; living > 0 && host < HOSTS; host += 1)
    yield { event: nodeRegistered(hostOf(host), `172.16.0.${host + 1}`), streamVersion: 1 };
  let gone = 0;
  const total = Math.max(living, 1);
  for (let port = 0; port < total; port += 1) {
    const network = Math.floor(port / PORTS_OF_A_NETWORK);
    if (living > 0) {
      if (port % PORTS_OF_A_NETWORK === 0) yield* networkWithSubnet(network);
      yield* livingPort(port, network);
    }
    for (; gone < Math.floor((deleted * (port + 1)) / total); gone += 1)
      yield* deletedPort(deletedBefore + gone, network);
  }
}

const hostOf = (network: number): string => `host-${network % HOSTS}`;
const addressOf = (network: number, last: number) => ({
  ipAddress: `10.${(network >> 8) & 255}.${network & 255}.${last}`,
  subnetId: idOf(SUBNET, network),
});

function* networkWithSubnet(network: number): Generator<Numbered> {
  const networkId = idOf(NETWORK, network);
  const cidr = `10.${(network >> 8) & 255}.${network & 255}.0/24`;
  yield { event: networkCreated({ networkId, segmentationId: network + 1, name: `net-${network}` }), streamVersion: 1 };
  yield { event: subnetCreated({ subnetId: idOf(SUBNET, network), networkId, cidr }), streamVersion: 2 };
  yield {
    event: networkPlaced(networkId, hostOf(network), 1 + Math.floor(network / HOSTS)),
    streamVersion: 1,
  };
}

function* livingPort(port: number, network: number): Generator<Numbered> {
  const [portId, networkId] = [idOf(LIVING, port), idOf(NETWORK, network)];
  const fixedIps = [addressOf(network, 2 + (port % PORTS_OF_A_NETWORK))];
  yield {
    event: portCreated({ portId, networkId, fixedIps, name: `port-${port}`, deviceOwner: 'compute:nova' }, port),
    streamVersion: 1,
  };
  yield { event: portBound(portId, networkId, hostOf(network)), streamVersion: 2 };
}

function* deletedPort(port: number, network: number): Generator<Numbered> {
  const [portId, networkId] = [idOf(DELETED, port), idOf(NETWORK, network)];
  yield { event: portCreated({ portId, networkId }, 0xffffff), streamVersion: 1 };
  yield { event: { type: 'PortDeleted', version: 1, data: { portId, networkId } }, streamVersion: 2 };
}
