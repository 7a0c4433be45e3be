/** The table of what owners give their instances to know. What a row holds goes into no log and no error: statements have it as parameters only. */
import { type InstanceData, type InstanceName, PublicKey, PublicKeyName } from '@plumbline/contracts';
import type pg from 'pg';
import { z } from 'zod';

/** What is kept for an instance, and who set it last. */
export type InstanceRow = InstanceData & Readonly<{ userId: string; setAt: Date }>;

/** What is set; a member that is absent stays as it is. */
export type InstanceChange = Readonly<{
  hostname?: string | null;
  publicKeys?: Readonly<Record<string, string>>;
  /** Base64; null: none. */
  userData?: string | null;
}>;

type Raw = Readonly<{
  project_id: string;
  device_id: string;
  revision: string;
  hostname: string | null;
  public_keys: string;
  user_data: Buffer | null;
  user_id: string;
  set_at: Date;
}>;
type Named = Pick<Raw, 'project_id' | 'device_id'>;
const asName = ({ project_id: projectId, device_id: deviceId }: Named): InstanceName => ({ projectId, deviceId });
const COLUMNS = 'project_id, device_id, revision, hostname, public_keys, user_data, user_id, set_at';
/** The rows of some instances: each is looked up by the table's key. */
const OF_NAMES = `FROM unnest($1::text[], $2::text[]) AS named(device_id, project_id)
  JOIN plumbline.instance_data USING (device_id, project_id)`;

const Keys = z.record(PublicKeyName, PublicKey);
const asRow = (raw: Raw): InstanceRow => ({
  projectId: raw.project_id,
  deviceId: raw.device_id,
  revision: raw.revision,
  hostname: raw.hostname,
  publicKeys: Keys.parse(JSON.parse(raw.public_keys)),
  userData: raw.user_data?.toString('base64') ?? null,
  userId: raw.user_id,
  setAt: raw.set_at,
});

const sorted = (keys: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))));
const columns = (names: readonly InstanceName[]): [string[], string[]] => [
  names.map(({ deviceId }) => deviceId),
  names.map(({ projectId }) => projectId),
];

/** All methods reject as `pg` does. */
export class InstanceStore {
  constructor(private readonly pool: pg.Pool) {}

  async find(instance: InstanceName): Promise<InstanceRow | null> {
    return (await this.data([instance]))[0] ?? null;
  }

  /** `position`: one at which the instance has a port. Answers with what is kept then. */
  async set(
    { projectId, deviceId }: InstanceName,
    change: InstanceChange,
    by: Readonly<{ userId: string; position: number }>,
  ): Promise<InstanceRow> {
    const { hostname, publicKeys, userData } = change;
    const { rows } = await this.pool.query<Raw>(
      `INSERT INTO plumbline.instance_data AS d
         (project_id, device_id, revision, hostname, public_keys, user_data, position, user_id, set_at)
       VALUES ($1, $2, gen_random_uuid(), $3, $4, $5, $6, $7, now())
       ON CONFLICT (device_id, project_id) DO UPDATE SET
         revision = excluded.revision, user_id = excluded.user_id, set_at = excluded.set_at,
         position = greatest(d.position, excluded.position),
         hostname = CASE WHEN $8 THEN excluded.hostname ELSE d.hostname END,
         public_keys = CASE WHEN $9 THEN excluded.public_keys ELSE d.public_keys END,
         user_data = CASE WHEN $10 THEN excluded.user_data ELSE d.user_data END
       RETURNING ${COLUMNS}`,
      [
        ...[projectId, deviceId, hostname ?? null, sorted(publicKeys ?? {})],
        typeof userData === 'string' ? Buffer.from(userData, 'base64') : null,
        ...[by.position, by.userId],
        ...[hostname !== undefined, publicKeys !== undefined, userData !== undefined],
      ],
    );
    return asRow(rows[0] as Raw);
  }

  /** False: there was nothing. */
  async remove({ projectId, deviceId }: InstanceName): Promise<boolean> {
    const sql = 'DELETE FROM plumbline.instance_data WHERE device_id = $1 AND project_id = $2';
    return (await this.pool.query(sql, [deviceId, projectId])).rowCount === 1;
  }

  /** Removes what was set for these instances at a position before the one that each is with. Answers whose it was. */
  async removeSetBefore(
    named: readonly Readonly<{ instance: InstanceName; position: number }>[],
  ): Promise<readonly InstanceName[]> {
    const { rows } = await this.pool.query<Named>(
      `DELETE FROM plumbline.instance_data d USING unnest($1::text[], $2::text[], $3::bigint[]) AS n(device_id, project_id, position)
       WHERE d.device_id = n.device_id AND d.project_id = n.project_id AND d.position < n.position
       RETURNING d.project_id, d.device_id`,
      [...columns(named.map(({ instance }) => instance)), named.map(({ position }) => position)],
    );
    return rows.map(asName);
  }

  /** Every instance that something is kept for. */
  async names(): Promise<readonly InstanceName[]> {
    return (await this.pool.query<Named>('SELECT project_id, device_id FROM plumbline.instance_data')).rows.map(asName);
  }

  /** What was set at a position that the log does not have, because its database lost the end of it, counts as set at its head. */
  async boundPositions(): Promise<void> {
    await this.pool.query(
      'UPDATE plumbline.instance_data d SET position = h.position FROM plumbline.log_head h WHERE d.position > h.position',
    );
  }

  /** Of those that something is kept for: its revision and some measure of its size in bytes. */
  async revisions(
    names: readonly InstanceName[],
  ): Promise<readonly (InstanceName & Readonly<{ revision: string; bytes: number }>)[]> {
    const { rows } = await this.pool.query<Named & { revision: string; bytes: number }>(
      `SELECT project_id, device_id, revision,
         octet_length(public_keys) + coalesce(octet_length(user_data), 0) AS bytes ${OF_NAMES}`,
      columns(names),
    );
    return rows.map(({ revision, bytes, ...name }) => ({ ...asName(name), revision, bytes }));
  }

  async data(names: readonly InstanceName[]): Promise<readonly InstanceRow[]> {
    const { rows } = await this.pool.query<Raw>(`SELECT ${COLUMNS} ${OF_NAMES}`, columns(names));
    return rows.map(asRow);
  }
}
