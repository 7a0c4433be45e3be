/** `plumb user`: users, projects and roles of the built-in identity (PLUMB_AUTH=builtin), in a file that the API reads again when it changes. */
import path from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import {
  addUser,
  cloudsYaml,
  ensureTokenKey,
  hashPassword,
  IdentityFile,
  readIdentityFile,
  readIdentityFileOrEmpty,
  removeUser,
  RoleName,
  ROLES,
  setPassword,
  writeIdentityFile,
} from '@plumbline/identity';
import { readPassword } from './password.js';

type FileOption = Readonly<{ file: string }>;

export function addUserCommands(program: Command): void {
  const user = program.command('user').description('who may log in with PLUMB_AUTH=builtin');
  const command = (words: string, about: string): Command =>
    user
      .command(words)
      .description(about)
      .option(
        '--file <file>',
        'users, projects and roles; the API follows it while it runs',
        process.env['PLUMB_IDENTITY_FILE'] ?? '/etc/plumbline/identity.json',
      );
  command('add <name>', 'add a user, or give an existing one a role in a project')
    .option('--project <project>', "made when it is not there (default: the user's name)")
    .option('--role <role>', `${ROLES.toReversed().join(', ')}: each may do what the next one may`, role, 'member')
    .option('--password-file <file>', 'a line in a file ("-": standard input); else it is asked for')
    .option(
      '--key-file <file>',
      'signs tokens; made when it is not there (default: PLUMB_TOKEN_KEY_FILE, or token.key beside the users)',
    )
    .action(add);
  command('list', 'users, projects and roles').action(list);
  command('remove <name>', 'remove a user, or with --project the role there; tokens end with it')
    .option('--project <project>', 'the role in this project only')
    .action(remove);
  command('passwd <name>', 'set another password; tokens got with the old one end')
    .option('--password-file <file>', 'a line in a file ("-": standard input); else it is asked for')
    .action(passwd);
}

type AddOptions = FileOption & Readonly<{ project?: string; role: RoleName; passwordFile?: string; keyFile?: string }>;

async function add(name: string, options: AddOptions): Promise<void> {
  const file = path.resolve(options.file);
  const project = options.project ?? name;
  const before = readIdentityFileOrEmpty(file);
  const isNew = !before.users.some((each) => each.name === name);
  const asks = isNew || options.passwordFile !== undefined;
  const passwordHash = asks ? await hashPassword(await readPassword(options.passwordFile, name)) : undefined;
  const user = { name, project, role: options.role, passwordHash, now: new Date().toISOString() };
  // Read again, because somebody else may have changed the file while the password was typed.
  writeIdentityFile(file, addUser(readIdentityFileOrEmpty(file), user));
  const keyFile = path.resolve(
    options.keyFile ?? process.env['PLUMB_TOKEN_KEY_FILE'] ?? path.join(path.dirname(file), 'token.key'),
  );
  const madeKey = ensureTokenKey(keyFile);
  const authUrl = `${(process.env['PLUMB_API'] ?? 'http://127.0.0.1:9696').replace(/\/+$/, '')}/v3`;
  console.log(`${isNew ? 'added' : 'kept'} ${name}: ${options.role} in ${project} (${file})${madeKey ? `\nmade ${keyFile}, which signs tokens` : ''}

The API's settings (both files must be readable by its user and by no other):

PLUMB_AUTH=builtin
PLUMB_IDENTITY_FILE=${file}
PLUMB_TOKEN_KEY_FILE=${keyFile}

clouds.yaml of ${name} (openstack --os-cloud plumbline network list):

${cloudsYaml([{ name: 'plumbline', authUrl, userName: name, projectName: project, password: undefined }])}`);
}

function list(options: FileOption): void {
  const { users, projects } = read(options.file);
  for (const { name, enabled, roles } of users)
    console.log(
      `${name}${enabled ? '' : ' (disabled)'}: ${roles.map((each) => `${each.role} in ${each.project}`).join(', ') || 'no role'}`,
    );
  for (const { name, id } of projects) console.log(`project ${name}: ${id}`);
}

function remove(name: string, options: FileOption & Readonly<{ project?: string }>): void {
  writeIdentityFile(options.file, removeUser(read(options.file), name, options.project));
  console.log(options.project === undefined ? `removed ${name}` : `${name} has no role in ${options.project} any more`);
}

async function passwd(name: string, options: FileOption & Readonly<{ passwordFile?: string }>): Promise<void> {
  // Fails for an unknown user before it asks for a password.
  setPassword(read(options.file), name, '', '');
  const hash = await hashPassword(await readPassword(options.passwordFile, name));
  writeIdentityFile(options.file, setPassword(read(options.file), name, hash, new Date().toISOString()));
  console.log(`${name} has another password; tokens got with the old one end`);
}

function read(file: string): IdentityFile {
  try {
    return readIdentityFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(`there is no ${file}: "plumb user add" makes it, or --file names another one`, { cause: error });
  }
}

function role(text: string): RoleName {
  const parsed = RoleName.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`a role is one of ${ROLES.join(', ')}`);
  return parsed.data;
}
