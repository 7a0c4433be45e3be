/** What doctor found, as JSON for whoever asks. Members are told no host, no rule's text, no object and no user of others: of what is the cloud's own, that something is wrong with it. */
import { canSee } from '@plumbline/domain';
import type { RecordedEvent } from '@plumbline/event-store';
import type { Caller } from '@plumbline/identity/login';
import { CHECKS, type Examined, type Finding, type Mend, type On, type Scene, type Subject } from '@plumbline/reasons';
import type { Topology } from '@plumbline/topology';
import type { Kind } from '@plumbline/contracts';

export type CauseShown = Readonly<{
  check: string;
  on: On;
  what: string;
  mend: Mend;
  event: Readonly<{
    position: number;
    type: string;
    time: string;
    user_id: string | null;
    project_id: string | null;
    request_id: string | null;
  }> | null;
  /** The line of docs/reference/doctor.md. */
  doc: string;
}>;

export type Diagnosis = Readonly<{
  subject: Readonly<{ sort: string; id: string; name: string }>;
  position: number;
  healthy: boolean;
  /** The first cause first. */
  causes: readonly CauseShown[];
  checked: readonly Readonly<{ check: string; things: number }>[];
  unknown: readonly Readonly<{ check: string; on: On; why: string }>[];
  left_out: readonly string[];
  took_ms: number;
}>;

type Result = Readonly<{
  subject: Subject;
  position: number;
  examined: Examined;
  events: ReadonlyMap<Finding, RecordedEvent>;
  scene: Scene;
}>;

const CLOUD: On = { kind: 'cloud', id: '', name: 'the cloud' };
const ASK: Mend = { by: 'administrator', how: 'ask an administrator of this cloud (plumb doctor)' };
const findsOf = new Map(CHECKS.map(({ id, finds }) => [id, finds]));

export function shownTo(
  caller: Caller,
  topology: Topology,
  { subject, position, examined, events, scene }: Result,
  tookMs: number,
): Diagnosis {
  const isAdmin = caller.role === 'admin';
  const sees = ({ kind, id }: On): boolean => {
    const object = topology.get(kind as Kind, id);
    return object !== undefined && canSee(topology, caller, object);
  };
  const causes = examined.findings.map((finding): CauseShown => {
    const { check, on, what, mend, whose } = finding;
    const event = eventShown(events.get(finding), caller);
    const doc = `docs/reference/doctor.md#${check}`;
    if (isAdmin) return { check, on, what, mend, event, doc };
    const isOwn = whose === 'project' && mend.by !== 'administrator' && sees(on);
    if (isOwn) return { check, on, what, mend, event, doc };
    return { check, on: sees(on) ? on : CLOUD, what: findsOf.get(check) ?? '', mend: ASK, event: null, doc };
  });
  const unknown = examined.unknown.map(({ check, on, why }) =>
    isAdmin ? { check, on, why } : { check, on: sees(on) ? on : CLOUD, why: 'it could not be found out' },
  );
  return {
    ...{ subject: subjectShown(subject), position, healthy: causes.length === 0, causes },
    ...{ checked: examined.well, unknown: distinct(unknown), left_out: scene.leftOut, took_ms: tookMs },
  };
}

const distinct = <T>(list: readonly T[]): readonly T[] => [
  ...new Map(list.map((each) => [JSON.stringify(each), each])).values(),
];

function subjectShown(subject: Subject): Diagnosis['subject'] {
  const { sort } = subject;
  switch (subject.sort) {
    case 'floating-ip':
      return { sort, id: subject.floatingIp.id, name: subject.floatingIp.floatingIpAddress };
    case 'port':
      return { sort, id: subject.port.id, name: subject.port.name || subject.port.id };
    case 'network':
      return { sort, id: subject.network.id, name: subject.network.name || subject.network.id };
    case 'node':
      return { sort, id: subject.host, name: subject.host };
    case 'all':
      return { sort, id: '', name: 'everything' };
  }
}

/** Who did it is told to its own project, and to administrators. */
function eventShown(event: RecordedEvent | undefined, caller: Caller): CauseShown['event'] {
  if (!event) return null;
  const { position, meta } = event;
  const may = caller.role === 'admin' || (meta.projectId !== '' && meta.projectId === caller.projectId);
  return {
    ...{ position, type: event.event.type, time: meta.time },
    user_id: may ? meta.userId : null,
    project_id: may ? meta.projectId : null,
    request_id: may ? meta.requestId : null,
  };
}
