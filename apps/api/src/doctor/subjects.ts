/** Whom a question is about: found by id, name or address, among what the caller may ask about. */
import { canSee, DomainError, isOf, notAuthorized } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { FloatingIp, Network, Port } from '@plumbline/contracts';
import type { Subject, SubjectSort } from '@plumbline/reasons';
import type { Topology } from '@plumbline/topology';
import { badRequest } from '../errors/edge-error.js';

const notFound = (sort: SubjectSort, name: string): DomainError =>
  new DomainError('DoctorSubjectNotFound', 'not-found', `There is no ${sort} ${JSON.stringify(name.slice(0, 255))}.`);

const KINDS = { 'floating-ip': 'floatingip', port: 'port', network: 'network' } as const;

/** A member asks about what is its project's, an administrator about anything. Throws 'not-found', 'forbidden', and 'bad-request' for a name that several have. */
export function subjectOf(topology: Topology, sort: SubjectSort, name: string, caller: Caller): Subject {
  const isAdmin = caller.role === 'admin';
  if (sort === 'all' || sort === 'node') {
    if (!isAdmin) throw notAuthorized('get_doctor');
    if (sort === 'all') return { sort };
    if (!topology.get('node', name)) throw notFound(sort, name);
    return { sort, host: name };
  }
  const id = name.toLowerCase();
  const found = topology
    .all(KINDS[sort])
    .filter((each) => each.id === id || isNamed(each, name))
    .filter((each) => (isAdmin ? true : isOf(caller, each) && canSee(topology, caller, each)));
  const [first, ...more] = found.some((each) => each.id === id) ? found.filter((each) => each.id === id) : found;
  if (!first) throw notFound(sort, name);
  if (more.length > 0) throw badRequest(`${more.length + 1} objects are named '${name}': name one by its id.`);
  switch (first.kind) {
    case 'floatingip':
      return { sort: 'floating-ip', floatingIp: first };
    case 'port':
      return { sort: 'port', port: first };
    case 'network':
      return { sort: 'network', network: first };
  }
}

const isNamed = (object: FloatingIp | Network | Port, name: string): boolean =>
  object.kind === 'floatingip' ? object.floatingIpAddress === name : object.name === name && name !== '';
