/**
 * Whose list is read next. There are a few connections for lists, and a list may be expensive however it is bounded; so no project gets all of them.
 *
 * Goals: one project's lists wait behind each other and not in front of others'; a project that asks now and then waits for one list to end at most, whoever
 * else asks how much; what waits is bounded, and so is what was read and not sent yet.
 * Design: a project has a few lists read at a time; one whose administrators ask (Nova's and other services', who ask for everybody) has all connections but
 * those of one project. A connection that is free goes to the waiting project with the fewest of them; of several to the one whose last
 * turn is longest ago. A project with many bytes of answers that its clients have not taken yet gets no turn until they did.
 * Road not taken: priorities by what a query seems to cost. The planner's estimates for conditions on `doc` are wrong by orders of magnitude.
 */
import type { Caller } from '@plumbline/identity/login';
import { ClientGone } from '../errors/client-gone.js';
import { tooManyRequests, unavailable } from '../errors/edge-error.js';

export type TurnLimits = Readonly<{
  /** Lists read at the same time, of all projects. */
  connections: number;
  /** Lists of one project read at the same time. An administrator's project has all connections but these. */
  perProject: number;
  /** How long a list waits for its turn, in ms. */
  patienceMs: number;
}>;

/** Lists of one project that may wait. */
const MOST_WAITING = 100;
/** Bytes of answers of one project that were made and not sent yet, before it gets no more turns: some three of the longest lists. */
const MOST_UNSENT_BYTES = 32 * 1024 * 1024;

type Waiting = { begin: () => void };
/** `last`: the number of its last turn. */
type Project = { running: number; unsent: number; most: number; last: number; waiting: Waiting[] };

export class Turns {
  private readonly projects = new Map<string, Project>();
  private running = 0;
  private turns = 0;

  constructor(private readonly limits: TurnLimits) {}

  /**
   * Does the work when it is the project's turn. Rejects with 'too-many-requests' when too many of the project wait already, with 'unavailable' when its turn did
   * not come in time, and with ClientGone when the signal is aborted while it waits.
   */
  async take<T>(
    { projectId, role }: Pick<Caller, 'projectId' | 'role'>,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    const { connections, perProject } = this.limits;
    const project = this.projectOf(
      projectId,
      role === 'admin' ? Math.max(perProject, connections - perProject) : perProject,
    );
    if (project.waiting.length >= MOST_WAITING)
      throw tooManyRequests(
        `Project ${projectId} has ${project.waiting.length} lists waiting. Try again in a moment.`,
        1,
      );
    await this.turn(project, signal);
    try {
      return await work();
    } finally {
      this.running -= 1;
      project.running -= 1;
      this.next();
    }
  }

  /** An answer of so many bytes was made for the project. Call the result once it is sent or its client is gone. */
  unsent(projectId: string, bytes: number): () => void {
    const project = this.projectOf(projectId);
    project.unsent += bytes;
    return () => {
      project.unsent -= bytes;
      this.next();
    };
  }

  private projectOf(id: string, most = 1): Project {
    let project = this.projects.get(id);
    if (!project) this.projects.set(id, (project = { running: 0, unsent: 0, most, last: 0, waiting: [] }));
    project.most = Math.max(project.most, most);
    return project;
  }

  private turn(project: Project, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        project.waiting.splice(project.waiting.indexOf(waiting), 1);
        settle(() => reject(error));
      };
      const gone = (): void => leave(new ClientGone());
      const { patienceMs } = this.limits;
      const timer = setTimeout(
        () =>
          leave(
            unavailable(`The list did not get its turn within ${patienceMs / 1000} s: too many lists are being read.`),
          ),
        patienceMs,
      );
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', gone);
        then();
      };
      const waiting: Waiting = { begin: () => settle(resolve) };
      project.waiting.push(waiting);
      if (signal.aborted) return gone();
      signal.addEventListener('abort', gone, { once: true });
      this.next();
    });
  }

  private next(): void {
    while (this.running < this.limits.connections) {
      let chosen: Project | undefined;
      for (const [id, project] of this.projects) {
        if (project.running === 0 && project.unsent === 0 && project.waiting.length === 0) this.projects.delete(id);
        if (!this.mayRun(project)) continue;
        const { running, last } = project;
        if (!chosen || running < chosen.running || (running === chosen.running && last < chosen.last)) chosen = project;
      }
      const first = chosen?.waiting.shift();
      if (!chosen || !first) return;
      chosen.last = this.turns += 1;
      chosen.running += 1;
      this.running += 1;
      first.begin();
    }
  }

  private mayRun({ waiting, running, most, unsent }: Project): boolean {
    return waiting.length > 0 && running < most && unsent < MOST_UNSENT_BYTES;
  }
}
