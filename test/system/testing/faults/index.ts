/**
 * Faults for `plumb doctor`, each made for real on a lab: what operators do and what breaks. Each says of what doctor is asked, and what it must name first. `make` and `unmake`
 * resolve when their effect is there.
 */
import { askedFaults } from './asked.js';
import { guestFaults } from './guests.js';
import { type Fault, handsOf, type Patient } from './hands.js';
import { nodeFaults } from './nodes.js';
import { outsideFaults } from './outside.js';
import { systemFaults } from './system.js';

export type { Fault, Patient } from './hands.js';

export function faultsOf(patient: Patient): readonly Fault[] {
  const hands = handsOf(patient);
  return [askedFaults, guestFaults, outsideFaults, nodeFaults, systemFaults].flatMap((faults) =>
    faults(patient, hands),
  );
}
