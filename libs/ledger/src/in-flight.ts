/**
 * Commands of this process that are being stored. A decision that would conflict with one of them waits for it and is decided again, instead of being sent
 * only to fail. Limits do not make a decision wait: only the log knows how many other commands of a project will be stored.
 */
import { Prepared } from '@plumbline/topology';

export type Flight = Readonly<{ writes: ReadonlySet<string>; takes: ReadonlySet<string>; landed: Promise<void> }>;

export class InFlight {
  private readonly flights = new Set<Flight>();
  private readonly taken = new Map<string, Flight>();

  /** The command in flight that holds this claim. */
  holder(claim: string): Flight | undefined {
    return this.taken.get(claim);
  }

  /** A command in flight that conflicts with this one: it changes a stream that this one expects, or takes a claim that this one takes, requires to be free, or may not lead there. */
  obstacle(prepared: Prepared): Flight | undefined {
    for (const claim of prepared.take) {
      const flight = this.taken.get(claim);
      if (flight) return flight;
    }
    for (const flight of this.flights) {
      for (const stream of Object.keys(prepared.expect)) if (flight.writes.has(stream)) return flight;
      for (const prefix of prepared.none) for (const claim of flight.takes) if (claim.startsWith(prefix)) return flight;
      for (const [prefix, parts] of Object.entries(prepared.within))
        for (const claim of flight.takes)
          if (claim.startsWith(prefix) && !parts.includes(nextPart(claim, prefix))) return flight;
    }
    return undefined;
  }

  /** The command is sent. Call the returned function when it is stored and folded, or was in conflict. */
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

/** What follows on the prefix, up to the next slash. */
const nextPart = (claim: string, prefix: string): string => claim.slice(prefix.length).split('/', 1)[0] as string;
