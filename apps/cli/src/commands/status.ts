/** `plumb status`: the state of the whole system on one screen. */
import type { Command } from 'commander';
import { gatherStatus } from '../status/report.js';
import { screen } from '../status/screen.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

type Options = Readonly<{ url?: string; token?: string; json?: boolean }> & ApiOptions;

export function addStatusCommand(program: Command): void {
  addApiOptions(
    program
      .command('status')
      .description('the API, the log, the agents, what is in error; ends with 1 when something is not well'),
    '--url',
  )
    .option(
      '--token <token>',
      "who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say, or the lab's administrator)",
    )
    .option('--json', 'all of it, for programs')
    .action(async ({ url: api, token: given, lab, json }: Options) => {
      const { url, token } = await apiSource({ api, lab });
      const report = await gatherStatus(url, given === undefined ? token : async () => given);
      console.log(json ? JSON.stringify(report, null, 2) : screen(report).join('\n'));
      if (report.trouble.length > 0) process.exitCode = 1;
    });
}
