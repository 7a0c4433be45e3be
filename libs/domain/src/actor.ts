/** On whose behalf a decision is made. Authentication is done by the API; the domain only checks rights. */
export type Role = 'admin' | 'member' | 'reader';

export type Actor = Readonly<{
  projectId: string;
  /** The strongest role in that project: admin implies member implies reader. An administrator of any project administers the whole cloud. */
  role: Role;
}>;

/** Plumbline itself (schedulers, reports of agents), not a client. */
export const SYSTEM: Actor = { projectId: '', role: 'admin' };
