/** The report as lines for a terminal: one screen, with the problems last, next to the prompt. */
import type { Firewall } from '@plumbline/contracts';
import { AgentStatus, type Dhcp, label, StatusReport } from './report.js';
import type { Unenforced } from './unenforced.js';

/** How many objects of each sort are named, so that it fits one screen; --json names all. */
const MOST = 10;

const SECURITY_GROUPS: Readonly<Record<Firewall, string>> = {
  openflow: 'enforced (openflow)',
  hybrid: 'enforced (hybrid)',
  none: 'not enforced: binding refused',
};

export function screen(report: StatusReport): string[] {
  const { api, auth, log, nova, agents, securityGroups, unenforced, routers, dhcp, inError, hindered, trouble } =
    report;
  return [
    `API              ${api.url}  ${api.health}`,
    ...api.detail.map((line) => `                 ${line}`),
    `log              ${log === null ? 'not known' : `at position ${log.position}`}`,
    `authentication   ${auth ?? 'not known'}`,
    ...(nova === null ? [] : [`Nova             ${nova}`]),
    ...(agents === null ? [] : ['', 'agents', ...(agents.length === 0 ? ['  none'] : table(agents))]),
    ...(securityGroups === null ? [] : ['', ...hosts(securityGroups)]),
    ...(unenforced === null ? [] : willClose(unenforced)),
    ...(routers === null ? [] : ['', `routers          ${routersLine(routers)}`]),
    ...(dhcp === null || dhcp.networks === 0 ? [] : ['', `DHCP             ${dhcpLine(dhcp)}`]),
    ...objects('in error', inError),
    ...objects('active, but', hindered),
    '',
    ...(trouble.length === 0 ? ['all is well'] : ['not well:', ...few(trouble.map((line) => `  ${line}`))]),
  ];
}

function table(agents: readonly AgentStatus[]): string[] {
  const rows = agents.map(({ host, agent, alive, adminStateUp, state, position, behind, frozen }) => [
    host,
    agent,
    alive ? 'alive' : 'SILENT',
    adminStateUp ? 'up' : 'admin down',
    `${state} at ${position}${behind > 0 ? `, ${behind} behind` : ''}${frozen > 0 ? `, ${frozen} frozen` : ''}`,
  ]);
  const all = [['HOST', 'AGENT', 'ALIVE', 'ADMIN', 'STATE'], ...rows];
  const widths = all.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  return all.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}

const hosts = (securityGroups: Readonly<Record<string, Firewall>>): string[] =>
  Object.entries(securityGroups).map(([host, how]) => `${host.padEnd(16)} security groups: ${SECURITY_GROUPS[how]}`);

/** Ports that nothing, or only ports of groups, will reach once their host enforces security groups. */
function willClose(unenforced: readonly Unenforced[]): string[] {
  const lines = unenforced.flatMap(({ host, closed }) =>
    closed.map(({ id, name, letsIn }) => {
      const what = letsIn === 'nothing' ? 'let nothing in' : 'let in ports of security groups alone';
      return `  port ${label(name, id)} on ${host}: its groups ${what}`;
    }),
  );
  return lines.length === 0 ? [] : ['', 'once security groups are enforced', ...few(lines)];
}

function objects(title: string, some: StatusReport['inError']): string[] {
  if (some === null || some.length === 0) return [];
  return ['', title, ...few(some.map(({ kind, id, name, reason }) => `  ${kind} ${label(name, id)}: ${reason}`))];
}

function routersLine({ total, onNoNode }: NonNullable<StatusReport['routers']>): string {
  if (onNoNode.length === 0) return `${total}`;
  const names = onNoNode.slice(0, MOST).map(({ name, id }) => label(name, id));
  const more = onNoNode.length > MOST ? `, and ${onNoNode.length - MOST} more` : '';
  return `${total}, ${onNoNode.length} on no node: ${names.join(', ')}${more}`;
}

const dhcpLine = ({ agents, networks, missing }: Dhcp): string =>
  agents === 0
    ? `is missing: no agent is there for the ${networks} networks that have it`
    : `${networks} networks${missing.length === 0 ? '' : `, ${missing.length} of them served by no agent that is alive`}`;

const few = (lines: readonly string[]): string[] =>
  lines.length <= MOST ? [...lines] : [...lines.slice(0, MOST), `  and ${lines.length - MOST} more (--json has all)`];
