/** A packet's way and that of its answer (our alias trace): what `plumb trace` shows. A member asks about his project's own objects. Changes nothing. */
import { BadEnd, parseTraffic, type TraceTraffic } from '@plumbline/reasons';
import { badRequest } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { shown } from '../types/attribute-types.js';

const PARAMETERS = ['from', 'to', 'packet'];
/** An address and the name of its network. */
const LONGEST = 400;

function trafficIn(text: string): TraceTraffic {
  try {
    return parseTraffic(text);
  } catch (error) {
    throw error instanceof BadEnd ? badRequest(error.message) : error;
  }
}

const way: Handler = async ({ search, caller }, _ids, { traces }) => {
  const strange = [...new Set(search.keys())].filter((name) => !PARAMETERS.includes(name));
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const [from = '', to = '', packet = ''] = PARAMETERS.map((name) => search.get(name) ?? '');
  for (const [name, text] of Object.entries({ from, to, packet }))
    if (text.trim() === '' || text.length > LONGEST)
      throw badRequest(`'${name}' must be there, in at most ${LONGEST} characters`);
  return ok({ trace: await traces.trace({ from, to, traffic: trafficIn(packet) }, caller) });
};

export const traceEndpoints: readonly Endpoint[] = [
  {
    path: ['trace'],
    about:
      "A packet's way and that of its answer: from= and to= name a port, floating IP, instance or address (ADDRESS@NETWORK where several have it), packet= is tcp/PORT, udp/PORT or icmp. Members name what is theirs.",
    who: 'any',
    methods: { GET: way },
  },
];
