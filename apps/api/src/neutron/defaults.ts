/**
 * Objects that every project has without creating them (its default security group): made before somebody first reads the project's list, and when something that
 * needs one was first made for the project.
 */
import { type Decide, SYSTEM } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { Commands } from './commands.js';
import { metaOf } from './commands.js';
import type { ListQuery } from './query.js';
import { isProject } from './attribute.js';
import { isAdmin } from './policy.js';
import type { Resource } from './resource.js';

/** A process checks each project once; it remembers this many. */
const MOST_REMEMBERED = 10_000;

type Make = (projectId: string) => Decide<unknown>;

export class Defaults {
  private readonly there = new Map<Make, Set<string>>();
  private memory = 0;

  constructor(private readonly commands: Commands) {}

  /** Makes it when it is not there yet: of the caller's project, or of the one that an administrator asks for by the query. A request without a project makes none. */
  async ensure({ before }: Resource, caller: Caller, query?: ListQuery): Promise<void> {
    const asked = query?.filters.find(({ attribute }) => isProject(attribute.name))?.values[0];
    const projectId = isAdmin(caller) && typeof asked === 'string' ? asked : caller.projectId;
    if (before) await this.make(before, projectId, caller);
  }

  /** Objects of the resource were made for these projects. That is stored: if their defaults cannot be made now, the next list makes them. */
  async madeFor({ after }: Resource, projects: readonly string[], caller: Caller): Promise<void> {
    if (after)
      for (const projectId of new Set(projects)) await this.make(after, projectId, caller).catch(() => undefined);
  }

  /** One of the resource was deleted: it may have been a default. */
  deleted({ before }: Resource): void {
    if (before) this.there.clear();
  }

  private async make(make: Make, projectId: string, caller: Caller): Promise<void> {
    // What was made may be lost with the end of the log.
    if (this.memory !== this.commands.memory) this.there.clear();
    this.memory = this.commands.memory;
    let there = this.there.get(make);
    if (!there) this.there.set(make, (there = new Set()));
    if (projectId === '' || there.has(projectId)) return;
    await this.commands.execute(make(projectId), metaOf(caller), SYSTEM);
    if (there.size >= MOST_REMEMBERED) there.clear();
    there.add(projectId);
  }
}
