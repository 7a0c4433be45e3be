/** `plumb lab [up]`, `down`, `status`, `exec <where> -- command...` */
import path from 'node:path';
import type { Command } from 'commander';
import { logIn } from '@plumbline/identity';
import {
  down,
  execAt,
  loginsOf,
  labSpec,
  printProgress,
  readLabState,
  statusLines,
  faultsOf,
  up,
  type LabSpec,
} from '@plumbline/lab';
import { projectDir } from '../lab-folder.js';

const interrupted = 130;

/** Adds the lab's commands. PLUMB_STATE names another state folder. */
export function addLabCommands(program: Command): void {
  const lab = program
    .command('lab')
    .description('real nodes on this one machine: a network node, two compute nodes, a host outside')
    .option('--name <name>', 'a second lab beside the first', 'lab');
  const spec = (): LabSpec => {
    const stateDir = process.env['PLUMB_STATE'];
    const { name } = lab.opts<{ name: string }>();
    return labSpec({ projectDir, name, ...(stateDir === undefined ? {} : { stateDir: path.resolve(stateDir) }) });
  };

  lab
    .command('up', { isDefault: true })
    .description('make the lab and prove that it works, mend one that is not whole, or say that it is up already')
    .option('--fresh', 'remove the lab that is there first, with all that was made in it')
    .option('--guests', 'the instances of a lab that is made are virtual machines under libvirt, not namespaces')
    .action(async (options: { fresh?: true; guests?: true }) => {
      requireRoot();
      onInterrupt();
      await up(spec(), printProgress(), options);
    });
  lab
    .command('down')
    .description('remove the lab: processes, namespaces, link, files')
    .action(async () => {
      requireRoot();
      console.log((await down(spec())) ? 'the lab is gone' : 'there is no lab');
    });
  lab
    .command('status')
    .description('show which processes of the lab run, and which do not')
    .action(async () => {
      requireRoot();
      const state = readLabState(spec().stateDir);
      const lines = state === null ? ['there is no lab: "npm run lab" makes one'] : await statusLines(spec(), state);
      lines.forEach((line) => console.log(line));
      if (state === null || (await faultsOf(spec(), state)).length > 0) process.exitCode = 1;
    });
  lab
    .command('token')
    .description('print a token for the API, for curl: -H "X-Auth-Token: $(plumb lab token)"')
    .option('--user <name>', 'admin or demo', 'admin')
    .action(async ({ user }: { user: string }) => {
      requireRoot();
      const state = readLabState(spec().stateDir);
      if (state === null) throw new Error('there is no lab: "npm run lab" makes one');
      const logins = loginsOf(state);
      const login = logins.find(({ userName }) => userName === user);
      if (!login)
        throw new Error(`no user ${user} in this lab; there are: ${logins.map((each) => each.userName).join(', ')}`);
      console.log(await logIn(login));
    });
  lab
    .command('exec')
    .description('run a command on a node, in an instance, or outside')
    .usage('<node|instance|outside> -- <command> [arguments]')
    .argument('<where>', 'net1, cmp1, cmp2, vm1, vm2, outside, mgmt')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .action(async (where: string, command: string[]) => {
      requireRoot();
      const state = readLabState(spec().stateDir);
      if (state === null) throw new Error('there is no lab: "npm run lab" makes one');
      // commander passes the command's own options on, and also a `--` before the command, which is not part of it.
      process.exitCode = await execAt(spec(), state, where, command[0] === '--' ? command.slice(1) : command);
    });
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new Error('the lab lives in network namespaces: run this as root');
}

/** Ends the command at once on a signal. That is safe, because the state file names everything made so far. */
function onInterrupt(): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      console.error('\ninterrupted: "npm run lab" goes on, "npm run lab -- down" removes what is there');
      process.exit(interrupted);
    });
  }
}
