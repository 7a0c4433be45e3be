#!/usr/bin/env node
/** `plumb`: the command line. Each command has a file in commands/. */
import { Command } from 'commander';
import { addDatabaseCommands } from './commands/db.js';
import { addLabCommands } from './commands/lab.js';
import { addLogCommands } from './commands/log.js';
import { addNodeCommands } from './commands/node.js';
import { addReplayCommand } from './commands/replay.js';
import { addStatusCommand } from './commands/status.js';
import { addUserCommands } from './commands/user.js';

const program = new Command('plumb')
  .description('Plumbline, a network control plane for labs and small clouds')
  .enablePositionalOptions();
addLabCommands(program);
addStatusCommand(program);
addReplayCommand(program);
addNodeCommands(program);
addUserCommands(program);
addDatabaseCommands(program);
addLogCommands(program);

program.parseAsync().catch((error: unknown) => {
  console.error(process.env['PLUMB_DEBUG'] === undefined && error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
