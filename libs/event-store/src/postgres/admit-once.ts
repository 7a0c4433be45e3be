/**
 * Admits the nodes of a log that is older than admissions, once, as they stand then (docs/adr/0006, section 4).
 *
 * A node is admitted to what it does or may do already: as a compute node, because ports could be bound to every node; as a network node when an L3 agent
 * reported from there or a router is there; to the physical networks that it maps, to any bridge. Hosts that are no node of the log are not admitted.
 *
 * One transaction reads, appends and remembers that it was done; it holds the head row, so no other event comes between. It asks no clock and no randomness: two
 * copies of a database get the same events. The road not taken: no admission counts as every admission. Then nobody could ever end one.
 */
import { createHash } from 'node:crypto';
import { carrierOf, CATALOGUE_VERSION, type PlumbEvent, type Recorded } from '@plumbline/contracts';
import { evolve, readRow, streamOf } from '@plumbline/topology';
import type pg from 'pg';
import { wire } from '../command.js';
import type { EventInput, Meta, RowUpsert } from '../event-store.js';

export type Admitted = Readonly<{ host: string; roles: readonly string[]; physicalNetworks: readonly string[] }>;

const NODES = `
SELECT n.id AS host, EXISTS (SELECT FROM plumbline.agents a WHERE a.host = n.id AND a.kind = $1)
    OR EXISTS (SELECT FROM plumbline.routers r WHERE r.doc @> jsonb_build_object('host', n.id)) AS network,
  ARRAY(SELECT jsonb_object_keys(n.doc -> 'bridgeMappings')) AS mapped
FROM plumbline.nodes n WHERE n.doc @> '{"removed": false}' AND NOT EXISTS (SELECT FROM plumbline.admissions WHERE id = n.id)
ORDER BY n.id`;
const WITHIN_MS = 60_000;

/** Answers whom it admitted, sorted by host. Nobody when it was done before, or when the derived tables are of another generation: then it is still due. */
export async function admitOnce(client: pg.Client): Promise<readonly Admitted[]> {
  await client.query('BEGIN');
  try {
    const { rows: heads } = await client.query<{ log_id: string; last: string | null; due: boolean }>(
      `SELECT h.log_id, (SELECT e.envelope FROM plumbline.events e WHERE e.position = h.position) AS last,
         (SELECT due FROM plumbline.admissions_due) AND (SELECT generation FROM plumbline.derived) = $1 AS due
       FROM plumbline.log_head h FOR UPDATE OF h`,
      [CATALOGUE_VERSION],
    );
    const [head] = heads;
    if (!head?.due) {
      await client.query('ROLLBACK');
      return [];
    }
    const { rows } = await client.query<{ host: string; network: boolean; mapped: string[] }>(NODES, [
      carrierOf.router,
    ]);
    const admitted = rows.map(({ host, network, mapped }) => ({
      host,
      roles: ['compute', ...(network ? ['network'] : [])],
      physicalNetworks: [...mapped].sort(),
    }));
    if (head.last !== null && admitted.length > 0) {
      const { time } = (JSON.parse(head.last) as { meta: Meta }).meta;
      const { text } = wire(commandOf(head.log_id, time, admitted));
      const { rows: answers } = await client.query<{ answers: object[] }>(
        `SELECT plumbline.append_batch($1, $2, '[]', $3) AS answers`,
        [CATALOGUE_VERSION, WITHIN_MS, `[${text}]`],
      );
      if (!('b' in (answers[0]?.answers[0] ?? {})))
        throw new Error(`the nodes of this log cannot be admitted: ${JSON.stringify(answers[0]?.answers)}`);
    }
    await client.query('UPDATE plumbline.admissions_due SET due = false');
    await client.query('COMMIT');
    return admitted;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function commandOf(log: string, time: string, admitted: readonly Admitted[]): Parameters<typeof wire>[0] {
  const meta: Meta = { requestId: 'req-admission-of-older-nodes', userId: 'plumbline', projectId: '', time };
  const events = admitted.map((data) => ({ type: 'NodeAdmitted', version: 1, data }) as unknown as PlumbEvent);
  const streams = events.map(streamOf);
  return {
    events: events.map(({ type, version, data }, at): EventInput => ({
      id: uuidOf(`${log} ${streams[at]}`),
      stream: streams[at] as string,
      type,
      version,
      data,
    })),
    expect: Object.fromEntries(streams.map((stream) => [stream, 0])),
    take: [],
    release: [],
    none: [],
    rows: events.flatMap((event, at): RowUpsert[] => {
      const object = evolve(undefined, { position: -(at + 1), event: event as Recorded['event'], meta });
      return object ? [readRow(object, 1)] : [];
    }),
    hosts: [],
    tally: {},
    limits: {},
    meta,
    basis: null,
  };
}

/** Always the same for the same text; of version 8 (RFC 9562), whose bits are the maker's own. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(`plumbline admission ${text}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
