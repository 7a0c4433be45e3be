/** Objects that every project has without creating them (its default security group): made before the project first reads the list. */
import { type Decide, SYSTEM } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { Commands } from './commands.js';
import { metaOf } from './commands.js';
import type { Resource } from './resource.js';

/** A process checks each project once; it remembers this many. */
const MOST_REMEMBERED = 10_000;

export class Defaults {
  private readonly there = new Set<string>();

  constructor(private readonly commands: Commands) {}

  /** Makes it when it is not there yet. A request without a project makes none. */
  async ensure({ name, before }: Resource, caller: Caller): Promise<void> {
    const key = `${name}/${caller.projectId}`;
    if (!before || caller.projectId === '' || this.there.has(key)) return;
    const decide: Decide<unknown> = before(caller.projectId);
    await this.commands.execute(decide, metaOf(caller), SYSTEM);
    if (this.there.size >= MOST_REMEMBERED) this.there.clear();
    this.there.add(key);
  }

  /** One of the resource was deleted: it may have been a default. */
  deleted({ before }: Resource): void {
    if (before) this.there.clear();
  }
}
