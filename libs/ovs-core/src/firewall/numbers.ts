/**
 * Numbers for what registers and conjunction ids name: classes of ports, receivers, uses of rules. Nothing is chosen on a node and nothing is remembered there:
 * a number is a hash of the name, so that a restarted agent finds the flows that it wants. Two names with one hash would be one thing to the switch; so the later
 * one gets the next free number. Then, and only then, a restart may number the two the other way round: their flows change, in one bundle.
 */
import { hash32 } from '../marks.js';

export class Numbers {
  private readonly byName = new Map<string, number>();
  private readonly taken = new Set<number>();

  /** The number of a name: 1 to 2^32 - 1, another one for each name. */
  of(name: string): number {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    let number = hash32(name);
    while (number === 0 || this.taken.has(number)) number = (number + 1) >>> 0;
    this.byName.set(name, number);
    this.taken.add(number);
    return number;
  }

  /** The name is not used any more. */
  drop(name: string): void {
    const number = this.byName.get(name);
    if (number === undefined) return;
    this.byName.delete(name);
    this.taken.delete(number);
  }
}

/** A number as the switch prints it in a match or an action. */
export const hex = (number: number): string => (number === 0 ? '0' : `0x${number.toString(16)}`);
