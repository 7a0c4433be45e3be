/** Users, projects and roles from the identity file. It is read again when it changes; when it is broken, that is logged and the last good content stays. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Logger } from '@plumbline/telemetry';
import { IdentityFile, Project, readIdentityFile, User } from '../../file/identity-file.js';
import type { RoleName } from '../../file/roles.js';

const LOOK_EVERY_MS = 1_000;

export class Directory {
  private version = '';
  private content: IdentityFile;
  private timer: NodeJS.Timeout | undefined;
  private readonly listeners: (() => void)[] = [];
  private usersById = new Map<string, User>();
  private usersByName = new Map<string, User>();
  private projectsById = new Map<string, Project>();
  private projectsByName = new Map<string, Project>();

  /** Throws when the file cannot be read. */
  constructor(
    private readonly file: string,
    private readonly logger: Logger,
  ) {
    this.content = readIdentityFile(file);
    this.index();
  }

  /** Starts to check once a second whether the file changed. */
  start(): void {
    this.timer = setInterval(() => void this.freshen(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** `heard` is called after each change. */
  onChange(heard: () => void): void {
    this.listeners.push(heard);
  }

  /** Reads the file again if it changed. Each login calls this first, so that a new user need not wait. Never rejects. */
  async freshen(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.file);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.version) return;
      this.version = version;
      this.content = readIdentityFile(this.file);
    } catch (err) {
      this.complain(err);
      return;
    }
    this.index();
    for (const heard of this.listeners) heard();
  }

  user(id: string): User | undefined {
    return this.usersById.get(id);
  }
  userNamed(name: string): User | undefined {
    return this.usersByName.get(name);
  }
  project(id: string): Project | undefined {
    return this.projectsById.get(id);
  }
  projectNamed(name: string): Project | undefined {
    return this.projectsByName.get(name);
  }
  get users(): readonly User[] {
    return this.content.users;
  }
  get projects(): readonly Project[] {
    return this.content.projects;
  }

  /** For a user who does not exist: the hash of one who does, always the same for one text, so that a check takes as long as one of a real user. */
  decoyFor(text: string): string | undefined {
    const { users } = this.content;
    const at = createHash('sha256').update(text).digest().readUInt32BE() % Math.max(users.length, 1);
    return users[at]?.password;
  }

  /** The user's role there; undefined: none. */
  roleIn(user: User, project: Project): RoleName | undefined {
    return user.roles.find((each) => each.project === project.name)?.role;
  }
  /** Projects in which the user has a role. */
  projectsOf(user: User): readonly Project[] {
    return this.content.projects.filter((project) => this.roleIn(user, project) !== undefined);
  }

  private lastComplaint = '';
  private complain(err: unknown): void {
    const complaint = String(err);
    if (complaint === this.lastComplaint) return;
    this.lastComplaint = complaint;
    this.logger.error(
      { err, file: this.file, step: 'identity' },
      'cannot read the identity file; the last good content stays in use',
    );
  }

  private index(): void {
    const { users, projects } = this.content;
    this.lastComplaint = '';
    this.usersById = new Map(users.map((user) => [user.id, user]));
    this.usersByName = new Map(users.map((user) => [user.name, user]));
    this.projectsById = new Map(projects.map((project) => [project.id, project]));
    this.projectsByName = new Map(projects.map((project) => [project.name, project]));
  }
}
