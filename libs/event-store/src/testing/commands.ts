import { AppendCommand, Meta, RowUpsert } from '../event-store.js';

/** Meta of a test's command. */
export const meta: Meta = {
  requestId: 'req-1',
  userId: 'user',
  projectId: 'project',
  time: '2024-01-02T03:04:05.678Z',
};

/** A command with nothing in it but what is given. */
export const command = (given: Partial<AppendCommand>): AppendCommand => ({
  events: [],
  expect: {},
  take: [],
  release: [],
  none: [],
  rows: [],
  hosts: [],
  tally: {},
  limits: {},
  meta,
  basis: null,
  ...given,
});

/** One event `Happened` on a stream at the version expected before it, and whatever else is given. */
export const happened = (stream: string, expected: number, given: Partial<AppendCommand> = {}): AppendCommand =>
  command({
    events: [{ stream, type: 'Happened', version: 1, data: { stream } }],
    ...given,
    expect: { [stream]: expected, ...given.expect },
  });

/** A port's row set wholly by the first event of its command. */
export const portRow = (id: string, version = 1, given: Partial<RowUpsert> = {}): RowUpsert => ({
  kind: 'port',
  id,
  version,
  projectId: 'project',
  name: `name of ${id}`,
  doc: { kind: 'port', id, fixedIps: [{ ipAddress: '10.0.0.3' }] },
  setAt: { existence: -1 },
  ...given,
});
