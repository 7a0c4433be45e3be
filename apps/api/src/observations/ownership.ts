/** Who owns a host's name: the rule, as a function of what is stored and what a report says (docs/design/delivery.md, "Whose node it is"). */

/** What is stored of a host, as one kind of agent sees it. */
export type Standing = Readonly<{
  machine: string;
  contested: boolean;
  /** The run of this kind of agent that is heard; null: none was yet. */
  run: string | null;
  term: number;
  /** Runs that were heard before it. */
  past: readonly string[];
}>;

/** What a report says of its machine. `machine` null: it has no identity. */
export type Claim = Readonly<{ machine: string | null; run: string; heard: number; fault?: string | undefined }>;

export type Judgement =
  /** Its reports are taken. */
  | Readonly<{ is: 'owner' }>
  /** Its reports are taken from now on, and those of the run before it no more. */
  | Readonly<{ is: 'new-owner' }>
  /** A message of a run that has ended. */
  | Readonly<{ is: 'late' }>
  /** A run that was followed by another is still alive: nobody owns from now on. */
  | Readonly<{ is: 'contest'; reason: string }>
  | Readonly<{ is: 'refused'; reason: string }>;

const CONTESTED =
  'two machines run with one identity, as after a copy of a machine or of its state folder: stop one, remove node.id from its state folder, and run "plumb node release"';

/** `claim` null: an agent of the release before this one, which says nothing of its machine. It is heard as long as nobody owns. */
export function judge(standing: Standing | null, claim: Claim | null): Judgement {
  if (!claim)
    return standing
      ? {
          is: 'refused',
          reason:
            'it does not say which machine it is: an agent of an older release; upgrade it, or run "plumb node release"',
        }
      : { is: 'owner' };
  if (claim.machine === null) return { is: 'refused', reason: claim.fault ?? 'it has no identity' };
  if (!standing) return { is: 'new-owner' };
  if (standing.machine !== claim.machine) return { is: 'refused', reason: 'another machine owns this name' };
  if (standing.contested) return { is: 'refused', reason: CONTESTED };
  if (standing.run === claim.run) return { is: 'owner' };
  if (!standing.past.includes(claim.run)) return { is: 'new-owner' };
  // It was followed by another run, and says that it heard so: both are alive. Without that it is a message that was on its way when the run ended.
  return claim.heard >= standing.term ? { is: 'contest', reason: CONTESTED } : { is: 'late' };
}
