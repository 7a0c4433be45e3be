/** Why something is there (our alias reasons): what `plumb why` shows. A member asks about his project's own objects. */
import { HostName } from '@plumbline/contracts';
import { MOST_TEXT } from '@plumbline/reasons';
import { badRequest } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { shown } from '../types/attribute-types.js';

const PARAMETERS = ['of', 'at', 'host'];

function parsed(search: URLSearchParams): { text: string; at: number | null; host: string | null } {
  const strange = [...new Set(search.keys())].filter((name) => !PARAMETERS.includes(name));
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const text = search.get('of');
  if (text === null || text.length > MOST_TEXT)
    throw badRequest(`'of' must name what is asked about, in at most ${MOST_TEXT} characters`);
  const at = search.get('at');
  if (at !== null && !/^\d{1,15}$/.test(at)) throw badRequest(`'at' must be a position of the log, not '${shown(at)}'`);
  const host = search.get('host');
  if (host !== null && !HostName.safeParse(host).success)
    throw badRequest(`'host' must be a node's name, not '${shown(host)}'`);
  return { text, at: at === null ? null : Number(at), host };
}

const why: Handler = async ({ search, caller }, _ids, { reasons }) =>
  ok({ reasons: await reasons.why(parsed(search), caller) });

export const reasonEndpoints: readonly Endpoint[] = [
  {
    path: ['reasons'],
    about:
      'Why something is there: of=<id, address, device, rule, flow, ...>, at=<position of the log>, host=<node> (by administrators). Members hear of their own objects.',
    who: 'any',
    methods: { GET: why },
  },
];
