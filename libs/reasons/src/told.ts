/** What an answer says. Data for programs (`--json`, the API); text.ts makes lines of it. Names are single words: the same in the API's JSON. */
import type { ObjectKey, RequestMade, Thing } from '@plumbline/contracts';

/** A field of an object before and after an event; absent where there was none. */
export type Changed = Readonly<{ field: string; from?: unknown; to?: unknown }>;

/** An event, as far as whoever asks may know of it. */
export type EventTold = Readonly<{
  position: number;
  type: string;
  /** The object that it changed; null: this release does not know events of this type. */
  object: ObjectKey | null;
  time: string;
  /** Who asked for it: null for what another project's user did. `plumbline`: the control plane by itself. */
  user: string | null;
  project: string | null;
  /** What was sent; without a method where that is not known, which `unknown` says. Null: it is not for whoever asks. */
  request: (Readonly<{ id: string }> & Partial<RequestMade>) | null;
  /** What it replaced; of an event that ended an object, what that had been. */
  changed: readonly Changed[];
}>;

export type Named = Readonly<{ key: ObjectKey; name: string }>;

/** Who can have it go, and how. */
export type Going = Readonly<{ who: string; how: string; request: string | null }>;

export type ObjectTold = Readonly<{
  key: ObjectKey;
  name: string;
  project: string;
  /** The event that ended it; null: it is there. */
  ended: EventTold | null;
  /** The events that set its parts as they are, or were at its end: the creating one first. */
  set: readonly Readonly<{ facets: readonly string[]; event: EventTold }>[];
  /** Objects that it names. */
  uses: readonly Named[];
  /** Objects that name it: the first of them, and how many there are. */
  used: Readonly<{ by: readonly Named[]; count: number }>;
  /** Null: it is gone. */
  going: Going | null;
}>;

export type ThingTold = Thing &
  Readonly<{
    host: string;
    /** The event of its mark. */
    event: EventTold | null;
    going: Going | null;
  }>;

/** Why something is as it is. */
export type Why = Readonly<{
  asked: string;
  /** Position of the log by which it is answered. */
  position: number;
  things: readonly ThingTold[];
  events: readonly EventTold[];
  objects: readonly ObjectTold[];
  /** What this answer does not know, a sentence each. */
  unknown: readonly string[];
}>;
