#!/usr/bin/env node
/** `plumb`: the command line. Each command has a file in commands/, which is loaded when it is asked for: a question that is typed often is to be answered at once. */
import { Command } from 'commander';

const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  lab: async () => (await import('./commands/lab.js')).addLabCommands,
  status: async () => (await import('./commands/status.js')).addStatusCommand,
  doctor: async () => (await import('./commands/doctor.js')).addDoctorCommand,
  replay: async () => (await import('./commands/replay.js')).addReplayCommand,
  why: async () => (await import('./commands/why.js')).addWhyCommand,
  trace: async () => (await import('./commands/trace.js')).addTraceCommand,
  node: async () => (await import('./commands/node.js')).addNodeCommands,
  instance: async () => (await import('./commands/instance.js')).addInstanceCommands,
  user: async () => (await import('./commands/user.js')).addUserCommands,
  db: async () => (await import('./commands/db.js')).addDatabaseCommands,
  log: async () => (await import('./commands/log.js')).addLogCommands,
};

const program = new Command('plumb')
  .description('Plumbline, a network control plane for labs and small clouds')
  .enablePositionalOptions();

async function run(): Promise<void> {
  const [name = ''] = process.argv.slice(2);
  // Whoever names none of them is shown all.
  const asked = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
  for (const add of await Promise.all(asked.map((load) => load?.()))) add?.(program);
  await program.parseAsync();
}

run().catch((error: unknown) => {
  console.error(process.env['PLUMB_DEBUG'] === undefined && error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
