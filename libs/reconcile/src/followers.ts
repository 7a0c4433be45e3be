/**
 * Which rendered units are computed from which objects, so that a changed object leads to the units that must be rendered again, and to no others. A unit is
 * found by each object that was ever added for it, until `keepOnly`: an object may have left the view before its unit is looked at again.
 */
const NOBODY: ReadonlySet<never> = new Set();

export class Followers<Key, Unit> {
  private readonly units = new Map<Key, Set<Unit>>();
  private readonly keys = new Map<Unit, Set<Key>>();

  of(key: Key): ReadonlySet<Unit> {
    return this.units.get(key) ?? NOBODY;
  }

  /** The unit is computed from these objects, too. */
  add(unit: Unit, keys: Iterable<Key>): void {
    let mine = this.keys.get(unit);
    if (!mine) this.keys.set(unit, (mine = new Set()));
    for (const key of keys) {
      mine.add(key);
      const units = this.units.get(key);
      if (units) units.add(unit);
      else this.units.set(key, new Set([unit]));
    }
  }

  /** From now on the unit is found by these of its objects only. */
  keepOnly(unit: Unit, keys: ReadonlySet<Key>): void {
    const mine = this.keys.get(unit);
    for (const key of mine ?? []) {
      if (keys.has(key)) continue;
      mine?.delete(key);
      const units = this.units.get(key);
      if (units?.delete(unit) && units.size === 0) this.units.delete(key);
    }
    if (mine?.size === 0) this.keys.delete(unit);
  }
}

/** Members by the group they are in, at most one each: an index over the objects of a view that is kept as objects change. */
export class Groups<Member, Group> {
  private readonly groupOf = new Map<Member, Group>();
  private readonly members = new Map<Group, Set<Member>>();

  in(group: Group): ReadonlySet<Member> {
    return this.members.get(group) ?? NOBODY;
  }

  /** Those that have members. */
  groups(): Iterable<Group> {
    return this.members.keys();
  }

  of(member: Member): Group | undefined {
    return this.groupOf.get(member);
  }

  /** `group` undefined: it is in none any more. */
  put(member: Member, group: Group | undefined): void {
    const before = this.groupOf.get(member);
    if (before === group) return;
    if (before !== undefined) {
      const others = this.members.get(before);
      if (others?.delete(member) && others.size === 0) this.members.delete(before);
    }
    if (group === undefined) {
      this.groupOf.delete(member);
      return;
    }
    this.groupOf.set(member, group);
    const members = this.members.get(group);
    if (members) members.add(member);
    else this.members.set(group, new Set([member]));
  }

  clear(): void {
    this.groupOf.clear();
    this.members.clear();
  }
}
