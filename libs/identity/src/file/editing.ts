/** Edits the content of an identity file: pure functions that return the new content and write nothing. Errors say what to do. */
import { newId, type IdentityFile, type User } from './identity-file.js';
import type { RoleName } from './roles.js';

/** `now`: when the password was set, ISO 8601. `passwordHash` undefined: an existing user keeps the password. */
export type NewUser = Readonly<{
  name: string;
  project: string;
  role: RoleName;
  passwordHash: string | undefined;
  now: string;
}>;

/** Adds the user, or gives an existing one the role in this project in place of what it had there. The project is made when it is not there. */
export function addUser(file: IdentityFile, input: NewUser): IdentityFile {
  const { name, project, role, passwordHash, now } = input;
  const projects = file.projects.some((each) => each.name === project)
    ? file.projects
    : [...file.projects, { id: newId(), name: project }];
  const old = file.users.find((each) => each.name === name);
  if (!old) {
    if (passwordHash === undefined) throw new Error(`user '${name}' is new and needs a password`);
    const made: User = {
      id: newId(),
      name,
      password: passwordHash,
      passwordSetAt: now,
      enabled: true,
      roles: [{ project, role }],
    };
    return { ...file, projects, users: [...file.users, made] };
  }
  const roles = [...old.roles.filter((each) => each.project !== project), { project, role }];
  const user = { ...old, roles, ...(passwordHash !== undefined && { password: passwordHash, passwordSetAt: now }) };
  return { ...file, projects, users: file.users.map((each) => (each === old ? user : each)) };
}

/** Without `project`: removes the user. With it: removes the role there, and keeps the user. Keeps projects, because objects may have their ids. */
export function removeUser(file: IdentityFile, name: string, project?: string): IdentityFile {
  const user = userNamed(file, name);
  if (project === undefined) return { ...file, users: file.users.filter((each) => each !== user) };
  if (!user.roles.some((each) => each.project === project))
    throw new Error(`user '${name}' has no role in project '${project}'`);
  const roles = user.roles.filter((each) => each.project !== project);
  return { ...file, users: file.users.map((each) => (each === user ? { ...user, roles } : each)) };
}

/** Sets a password. Tokens that the user got before `now` are no longer valid. */
export function setPassword(file: IdentityFile, name: string, passwordHash: string, now: string): IdentityFile {
  const user = userNamed(file, name);
  const changed = { ...user, password: passwordHash, passwordSetAt: now };
  return { ...file, users: file.users.map((each) => (each === user ? changed : each)) };
}

function userNamed(file: IdentityFile, name: string): User {
  const user = file.users.find((each) => each.name === name);
  if (!user)
    throw new Error(`no user '${name}' here; there are: ${file.users.map((each) => each.name).join(', ') || 'none'}`);
  return user;
}
