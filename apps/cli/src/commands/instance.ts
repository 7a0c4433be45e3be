/** `plumb instance`: what an instance is given to know of itself, by the device id of its ports. Through the API, as whoever the environment says. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { z } from 'zod';
import { ApiCall } from '../api-call.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

type InstanceOptions = ApiOptions & Readonly<{ project?: string }>;
type SetOptions = InstanceOptions &
  Readonly<{ publicKey?: Readonly<Record<string, string>>; userData?: string; hostname?: string }>;

export function addInstanceCommands(program: Command): void {
  const instance = program
    .command('instance')
    .description('public keys, user data and host name that the metadata service gives an instance');
  const command = (words: string, about: string): Command =>
    addApiOptions(
      instance
        .command(words)
        .description(about)
        .option('--project <id>', 'whose instance, where several projects have ports with this device id'),
    );
  command('set <device-id>', 'set what is named, and leave the rest; the instance must have a port')
    .option(
      '--public-key <[name=]file>',
      "a public key, by default under its file's name; may be repeated, and replaces all that were set before",
      publicKey,
    )
    .option(
      '--user-data <file>',
      'bytes for cloud-init or its like ("-": standard input); an empty file takes them away',
    )
    .option('--hostname <name>', 'its host name ("": that of its port)')
    .action(set);
  command('show <device-id>', 'what is set').option('--json', 'for programs, with the user data').action(show);
  command('unset <device-id>', 'take away all that is set').action(unset);
}

const DATA = '-';

/** `name=file`, or a file alone, added to those before it. */
function publicKey(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, file] = /^([^=/]+)=(.+)$/s.exec(text) ?? [undefined, path.basename(text).replace(/\.pub$/, ''), text];
  if (name === undefined || file === undefined) throw new InvalidArgumentError('it is a file, or name=file');
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`two keys are called ${name}: write name=file`);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [key] = lines;
  if (key === undefined || lines.length > 1)
    throw new InvalidArgumentError(`${file} holds ${lines.length} keys, not one`);
  if (key.includes('PRIVATE KEY')) throw new InvalidArgumentError(`${file} is a private key`);
  return { ...before, [name]: key };
}

const call = async (
  method: string,
  deviceId: string,
  { project, ...options }: InstanceOptions,
  body?: unknown,
): Promise<unknown> => {
  const { url, token } = await apiSource(options);
  const query = project === undefined ? '' : `?project_id=${encodeURIComponent(project)}`;
  const route = `/v2.0/instance-metadata/${encodeURIComponent(deviceId)}${query}`;
  return new ApiCall(url, token, "a member of the instance's project").send(method, route, body);
};

async function set(deviceId: string, options: SetOptions): Promise<void> {
  const { publicKey: keys, userData: file, hostname, ...others } = options;
  if (keys === undefined && file === undefined && hostname === undefined)
    throw new Error('what shall be set? Name --public-key, --user-data or --hostname');
  const data = file === undefined ? undefined : readFileSync(file === DATA ? 0 : file);
  const given = {
    ...(keys !== undefined && { public_keys: keys }),
    ...(data !== undefined && { user_data: data.length === 0 ? null : data.toString('base64') }),
    ...(hostname !== undefined && { hostname: hostname === '' ? null : hostname }),
  };
  const answer = await call('PUT', deviceId, others, { instance_metadata: given });
  console.log(linesOf(answered(answer)).join('\n'));
}

async function show(deviceId: string, options: InstanceOptions & { json?: boolean }): Promise<void> {
  const answer = await call('GET', deviceId, options);
  const shown = answered(answer);
  console.log(options.json ? JSON.stringify(shown, null, 2) : linesOf(shown).join('\n'));
}

async function unset(deviceId: string, options: InstanceOptions): Promise<void> {
  await call('DELETE', deviceId, options);
  console.log(`nothing is set for instance ${deviceId} now`);
}

const Shown = z.object({
  device_id: z.string(),
  project_id: z.string(),
  hostname: z.string().nullable(),
  public_keys: z.record(z.string(), z.string()),
  user_data: z.string().nullable(),
  user_id: z.string(),
  updated_at: z.string(),
});
type Shown = z.infer<typeof Shown>;
const answered = (answer: unknown): Shown => z.object({ instance_metadata: Shown }).parse(answer).instance_metadata;

function linesOf(shown: Shown): string[] {
  const bytes = shown.user_data === null ? null : Buffer.byteLength(shown.user_data, 'base64');
  const keys = Object.entries(shown.public_keys).map(([name, key]) => `  public key ${name}: ${key}`);
  return [
    `instance ${shown.device_id} of project ${shown.project_id}, set at ${shown.updated_at} by ${shown.user_id || 'nobody who logged in'}`,
    `  host name: ${shown.hostname ?? 'that of its port'}`,
    ...(keys.length > 0 ? keys : ['  no public key']),
    bytes === null ? '  no user data' : `  ${bytes} bytes of user data`,
  ];
}
