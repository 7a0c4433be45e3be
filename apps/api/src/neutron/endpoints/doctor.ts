/** Why packets do not arrive (our alias doctor): the checks of docs/reference/doctor.md, on what the caller may ask about. Changes nothing. */
import { SUBJECTS, type SubjectSort, type Traffic } from '@plumbline/reasons';
import { badRequest, noSuchPath } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { shown } from '../types/attribute-types.js';

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const;
const LONGEST_NAME = 255;

function trafficIn(search: URLSearchParams): Traffic | null {
  const strange = [...new Set(search.keys())].filter((name) => name !== 'protocol' && name !== 'port');
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const [given, portText] = [search.get('protocol'), search.get('port')];
  if (given === null && portText === null) return null;
  const protocol = PROTOCOLS.find((each) => each === given);
  const port = Number(portText ?? 0);
  if (!protocol) throw badRequest(`protocol is one of ${PROTOCOLS.join(', ')}.`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || (protocol !== 'icmp' && port === 0))
    throw badRequest('port is a number from 1 to 65535, with protocol tcp or udp.');
  return { protocol, port };
}

const one: Handler = async ({ search, caller }, [word = '', name = ''], { doctor }) => {
  const sort = SUBJECTS.find((each) => each === word && each !== 'all');
  if (!sort) throw noSuchPath();
  if (name.length > LONGEST_NAME) throw badRequest(`a name has at most ${LONGEST_NAME} characters.`);
  return ok({ doctor: await doctor.examine({ sort, name, traffic: trafficIn(search) }, caller) });
};

const all: Handler = async ({ search, caller }, _ids, { doctor }) =>
  ok({
    doctor: await doctor.examine({ sort: 'all' satisfies SubjectSort, name: '', traffic: trafficIn(search) }, caller),
  });

export const doctorEndpoints: readonly Endpoint[] = [
  {
    path: ['doctor', ':sort', ':name'],
    about:
      'Why packets of a floating-ip, port, network (each by id, name or address) or node do not arrive: the first cause first. ?protocol= and ?port= name the packets.',
    who: 'any',
    methods: { GET: one },
  },
  {
    path: ['doctor'],
    about: 'The same of everything there is.',
    who: 'admin',
    methods: { GET: all },
  },
];
