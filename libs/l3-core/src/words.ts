/** Steps in words, for whoever reads a status: what a step is about, and what is wrong when it has no effect. */
import { processRefusal, processStuck } from '@plumbline/processes';
import { L3Step } from './driver.js';
import { Hop } from './state.js';

const PORTS_AND_LINKS = 'ip and ovs-vsctl show';

const hopText = ({ via, device }: Hop): string => (via === null ? ` on ${device}` : ` via ${via}`);

/** What a step is about. */
export function subjectOf(step: L3Step): string {
  switch (step.op) {
    case 'add-netns':
    case 'remove-netns':
      return `namespace ${step.netns}`;
    case 'add-link':
    case 'remove-device':
    case 'set-link':
      return `link ${step.device}`;
    case 'remove-link':
    case 'set-outside':
    case 'silence-outside':
      return `link ${step.outside}`;
    case 'add-port':
    case 'remove-port':
      return `switch port ${step.outside}`;
    case 'restore':
      return `IPv${step.version} rules`;
    case 'set-sysctls':
      return `kernel parameter ${Object.keys(step.values)[0]}`;
    case 'set-tx-checksum':
      return `checksum offload of ${step.device}`;
    case 'set-mtu':
      return `MTU of ${step.device}`;
    case 'reset-queue':
      return `queueing discipline of ${step.device}`;
    case 'add-policy-rule':
    case 'remove-policy-rule':
      return `IPv${step.version} policy rule of priority ${step.priority}`;
    case 'set-loopback-up':
      return 'loopback device';
    case 'add-address':
    case 'remove-address':
      return `address ${step.address} on ${step.device}`;
    case 'replace-route':
    case 'remove-route':
      return `route ${step.destination}${step.hops.map(hopText).join('')}`;
    case 'restore-route':
      return `route ${step.destination} on ${step.device}`;
    case 'remove-neighbour':
      return `neighbour ${step.address} on ${step.device}`;
    case 'end-connections':
      return `connections of ${step.address}`;
    case 'end-untranslated':
      return `connections from before${step.addresses ? ` ${step.addresses.join(', ')}` : ''}`;
    case 'farewell':
      return `connections through ${step.devices.join(', ')}`;
    case 'end-forwarded':
      return `connections forwarded from ${step.address}`;
    case 'announce':
      return `announcement of ${step.address}`;
    case 'process':
      return `program ${step.step.name}`;
  }
}

const REMOVES: readonly L3Step['op'][] = [
  'remove-netns',
  'remove-link',
  'remove-device',
  'remove-port',
  'remove-address',
  'remove-route',
  'remove-neighbour',
  'reset-queue',
  'remove-policy-rule',
];

/** Why a step was refused. What to do comes first: the words of a failed start have the whole command line. */
export function refusalText(step: L3Step, error: Error): string {
  if (step.op !== 'process') return `${subjectOf(step)}: ${error.message}`;
  const isMissing = step.step.op === 'start-process' && /no such file or directory/i.test(error.message);
  return `${isMissing ? 'install radvd on this node: ' : ''}${processRefusal(step, error)}`;
}

/** Steps of one owner that had no effect although they were applied twice: what is wrong, and who can mend it. At least one. */
export function stuckText(steps: readonly L3Step[]): string {
  const programs = steps.flatMap((each) => (each.op === 'process' ? [each] : []));
  if (programs.length > 0) return processStuck(programs);
  const [step] = steps;
  if (!step) return '';
  const where = 'netns' in step ? `namespace ${step.netns}` : PORTS_AND_LINKS;
  const wrong = REMOVES.includes(step.op) ? 'it is still there after it was removed' : 'the kernel does not keep it';
  return `${subjectOf(step)}: ${wrong}; an operator must look at this node (${where})`;
}
