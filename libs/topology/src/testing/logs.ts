/**
 * A random walk over a small model of a cloud: every command it makes is one that the API could have made, so the log is valid by construction.
 *
 * Goals: all event types, all kinds of network, several hosts, objects that enter and leave the scope of hosts in every way (bound, moved, scheduled,
 * placed, withdrawn); a case that fails shrinks to few commands.
 * Design: a case is a list of choices (small numbers). Each choice is read against the state so far; what does not apply is nothing. So any part of a
 * list is again a valid case, and shrinking works by leaving choices out.
 */
import { Recorded } from '@plumbline/contracts';
import { MOVES } from './moves.js';
import type { Choice } from './reach.js';
import { Walk } from './walk.js';

/** A log as its commands: the events of one command were appended together. */
export type GeneratedLog = readonly (readonly Recorded[])[];

const step = (walk: Walk, choice: Choice): boolean =>
  walk.commandOf(() => MOVES[choice.move % MOVES.length]?.(walk, choice));

function walked(choices: readonly Choice[]): Walk {
  const walk = new Walk();
  for (const choice of choices) step(walk, choice);
  return walk;
}

/** The log that a list of choices leads to. */
export const logOf = (choices: readonly Choice[]): GeneratedLog => walked(choices).commands;

/** One past and two commands that were each decided on it: what two processes do at the same moment. Empty: that choice made no command. */
export function fork(
  past: readonly Choice[],
  one: Choice,
  other: Choice,
): Readonly<{ log: GeneratedLog; left: readonly Recorded[]; right: readonly Recorded[] }> {
  const after = (choice: Choice, aside: boolean): readonly Recorded[] => {
    const walk = walked(past);
    if (aside) walk.turnOff();
    return step(walk, choice) ? (walk.commands.at(-1) as Recorded[]) : [];
  };
  return { log: logOf(past), left: after(one, false), right: after(other, true) };
}
