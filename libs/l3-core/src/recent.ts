/** Routers as they were found last: what a change begins with before they are looked at (converge.ts). */
import { L3State, RouterState } from './state.js';

const MOST_RECENT = 16;

/** A router that is as it is wanted. `found`: of that router alone. */
type Well = Readonly<{ wanted: RouterState; found: L3State }>;

/** The routers that were changed last, and were then as they are wanted. Bounded: a router of 600 floating IPs takes a megabyte. */
export class Recent {
  private readonly routers = new Map<string, Well>();

  of(id: string): Well | undefined {
    return this.routers.get(id);
  }

  /** Whether a router that was only looked at shall be kept: it does not push out one that was changed. */
  hasPlaceFor(id: string): boolean {
    return this.routers.has(id) || this.routers.size < MOST_RECENT;
  }

  put(id: string, { wanted, found }: Well): void {
    this.routers.delete(id);
    // Connections come and go.
    const routers = new Map([...found.routers].map(([key, router]) => [key, { ...router, connections: null }]));
    this.routers.set(id, { wanted, found: { ...found, routers } });
    for (const oldest of this.routers.keys()) {
      if (this.routers.size <= MOST_RECENT) break;
      this.routers.delete(oldest);
    }
  }

  drop(id: string): void {
    this.routers.delete(id);
  }
}
