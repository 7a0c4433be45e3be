/** What `plumb doctor` got to know, and how a terminal shows it. */
import { z } from 'zod';

const On = z.object({ kind: z.string(), id: z.string(), name: z.string() });
const Event = z.object({
  position: z.number(),
  type: z.string(),
  time: z.string(),
  user_id: z.string().nullable(),
  project_id: z.string().nullable(),
  request_id: z.string().nullable(),
});
export const Diagnosis = z.object({
  subject: z.object({ sort: z.string(), id: z.string(), name: z.string() }),
  position: z.number().nullable(),
  healthy: z.boolean(),
  causes: z.array(
    z.object({
      check: z.string(),
      on: On,
      what: z.string(),
      mend: z.object({ by: z.string(), how: z.string() }),
      event: Event.nullable(),
      doc: z.string(),
    }),
  ),
  checked: z.array(z.object({ check: z.string(), things: z.number() })),
  unknown: z.array(z.object({ check: z.string(), on: On, why: z.string() })),
  left_out: z.array(z.string()),
  took_ms: z.number(),
});
export type Diagnosis = z.infer<typeof Diagnosis>;

/** What is told when the API itself does not answer: nothing else can be known then. */
export const unreachable = (subject: Diagnosis['subject'], url: string, why: string): Diagnosis => ({
  subject,
  position: null,
  healthy: false,
  causes: [
    {
      check: 'api',
      on: { kind: 'system', id: '', name: 'the control plane' },
      what: `the API at ${url} does not answer: ${why}`,
      mend: { by: 'administrator', how: 'systemctl start plumb-api on the controller, or look at the way to it' },
      event: null,
      doc: 'docs/reference/doctor.md#api',
    },
  ],
  checked: [],
  unknown: [],
  left_out: [],
  took_ms: 0,
});

const WHO: Readonly<Record<string, string>> = {
  owner: 'whoever owns it',
  administrator: 'an administrator',
  guest: 'whoever runs the instance',
};

function lineOfEvent({ position, type, time, user_id, project_id, request_id }: z.infer<typeof Event>): string {
  const who = [
    user_id ? `user ${user_id}` : '',
    project_id ? `project ${project_id}` : '',
    request_id ? `request ${request_id}` : '',
  ].filter(Boolean);
  return `since  ${time}, event ${position} (${type}${who.length > 0 ? `; ${who.join(', ')}` : ''})`;
}

export function screen({ subject, healthy, causes, checked, unknown, left_out, took_ms }: Diagnosis): string[] {
  const name = subject.sort === 'all' ? 'everything' : `${subject.sort} ${subject.name}`;
  const [first, ...more] = causes;
  const looked = checked.reduce((sum, { things }) => sum + things, 0);
  return [
    healthy ? `${name}: nothing is wrong with what was checked` : `${name}: ${first?.what ?? ''}`,
    ...(first
      ? [
          `  check  ${first.check} (${first.doc})`,
          ...(first.event ? [`  ${lineOfEvent(first.event)}`] : []),
          `  mend   ${WHO[first.mend.by] ?? first.mend.by}: ${first.mend.how}`,
        ]
      : []),
    ...(more.length > 0 ? ['', 'found behind that, and maybe because of it:'] : []),
    ...more.map(({ check, what }) => `  ${check}: ${what}`),
    '',
    `well: ${checked.map(({ check }) => check).join(', ') || 'nothing was looked at'}`,
    ...(unknown.length > 0 ? ['', 'not known:'] : []),
    ...unknown.map(({ check, on, why }) => `  ${check} (${on.name}): ${why}`),
    ...(left_out.length > 0 ? ['', `not looked at, for they are too many: ${left_out.join(', ')}`] : []),
    '',
    `${checked.length + causes.length} checks, ${looked + causes.length} judgements in ${took_ms} ms`,
  ];
}
