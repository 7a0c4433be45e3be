/**
 * Commands of this process that are on their way to the log. A decision that would collide with one of them waits for it and is decided anew, instead of
 * making the trip to be told that it lost. Limits are no obstacle: how many others of a project will be stored, the log alone knows.
 */
import { Prepared } from '@plumbline/topology';

export type Flight = Readonly<{ writes: ReadonlySet<string>; takes: ReadonlySet<string>; landed: Promise<void> }>;

export class InFlight {
  private readonly flights = new Set<Flight>();
  private readonly taken = new Map<string, Flight>();

  /** The flight that holds this claim. */
  holder(claim: string): Flight | undefined {
    return this.taken.get(claim);
  }

  /** A flight that this command cannot pass: it changes what the command expects, or takes what it takes or wants to be free. */
  obstacle(prepared: Prepared): Flight | undefined {
    for (const claim of prepared.take) {
      const flight = this.taken.get(claim);
      if (flight) return flight;
    }
    for (const flight of this.flights) {
      for (const stream of Object.keys(prepared.expect)) if (flight.writes.has(stream)) return flight;
      for (const prefix of prepared.none) for (const claim of flight.takes) if (claim.startsWith(prefix)) return flight;
    }
    return undefined;
  }

  /** The command leaves. The answer says that it landed: stored and folded, or lost. */
  add(prepared: Prepared): () => void {
    let land = (): void => undefined;
    const landed = new Promise<void>((resolve) => (land = resolve));
    const flight: Flight = {
      writes: new Set(prepared.events.map(({ stream }) => stream)),
      takes: new Set(prepared.take),
      landed,
    };
    this.flights.add(flight);
    for (const claim of flight.takes) this.taken.set(claim, flight);
    return () => {
      this.flights.delete(flight);
      for (const claim of flight.takes) if (this.taken.get(claim) === flight) this.taken.delete(claim);
      land();
    };
  }
}
