/** On whose behalf a decision is made: what the domain must know to say "not yours". Who it is and how that was proven is the API's business. */
export type Role = 'admin' | 'member' | 'reader';

export type Actor = Readonly<{
  projectId: string;
  /** The strongest role in that project: admin implies member implies reader. An administrator of any project administers the whole cloud. */
  role: Role;
}>;

/** Plumbline itself: schedulers and observations, not a client. */
export const SYSTEM: Actor = { projectId: '', role: 'admin' };
