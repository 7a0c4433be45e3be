/**
 * The proxy of a node: one haproxy for all networks, with a frontend in each namespace, in front of the agent's own socket. What it is told is one file; a running
 * one is told at its master's socket to read it again, and hands its sockets to its successor, so that no connection is lost. A signal would do the same but for one
 * thing: haproxy 2.6 drops a SIGHUP that comes while it begins, some 10 ms behind the moment when it already answers.
 *
 * - A frontend says in a header of its own which router or network it is for; all that a guest could say about itself is taken out or set anew.
 * - A socket that was handed over stays in the namespace that it was made in. So one whose namespace was deleted and made anew is first left out, and then made
 *   anew: for that the file has the number of each namespace.
 * - A namespace that is not there must not be in the file: haproxy would refuse all of it, and go on as before.
 * - The digest of the file is in `description`, which haproxy tells at its stats socket: so it is known which file it goes by.
 *
 * Road not taken: one haproxy a namespace, as the reference has it. Each costs some 10 MB; a frontend of a shared one costs 20 KB.
 */
import { digest } from '@plumbline/reconcile';
import { filesFolder, type WantedProcess } from '@plumbline/processes';
import { METADATA_PORT } from '@plumbline/l3-core';
import { ASKER_HEADERS, askerKey, askerNetns, type Asker, SOURCE_HEADER } from './asker.js';

export const PROXY = 'haproxy';
export const PROXY_FILE = 'haproxy.cfg';
const WAIT_FILE = 'wait.lua';

export type ProxyTerms = Readonly<{
  /** Whose processes these are: `metadata-<host>`, in the form of a process's name. */
  owner: string;
  /** The agent's own socket. */
  service: string;
  /** Folder of the processes' folders. Default: as in libs/processes. */
  runDir?: string;
}>;

/** A frontend in a namespace as it is now: of the same name, but not the same number, is another one. */
export type Frontend = Asker & Readonly<{ netnsNumber: number }>;

/** Where haproxy says what it goes by. */
export const statsSocket = ({ service }: ProxyTerms): string => `${service}.stats`;
/** Where haproxy's master is told to read its file. It refuses connections until it can do so. */
export const masterSocket = ({ service }: ProxyTerms): string => `${service}.master`;
/** What it said since it was started. */
export const proxyLog = ({ owner, runDir }: ProxyTerms): string =>
  filesFolder(owner, PROXY, runDir).replace(/files$/, 'log');
/** The agent's own socket, by the owner: its name is short whatever the host's is, for the path of a socket has at most 107 characters. */
export const serviceSocket = (owner: string): string => `/run/plumbline/metadata/${digest(owner)}.sock`;

/** How many connections there may be: of all guests, of those of one namespace, and of one address. */
const CONNECTIONS = { all: 2_048, namespace: 512, source: 32 } as const;
/** How many addresses of a namespace are counted at a time. */
const SOURCES = '4k';

/** Null where nobody is to be answered. `frontends`: each namespace once, in any order. */
export function proxyOf(frontends: readonly Frontend[], terms: ProxyTerms): WantedProcess | null {
  if (frontends.length === 0) return null;
  return {
    name: PROXY,
    netns: null,
    argv: [
      ...['haproxy', '-W', '-db', '-S', `${masterSocket(terms)},mode,600`],
      ...['-f', `${filesFolder(terms.owner, PROXY, terms.runDir)}/${PROXY_FILE}`],
    ],
    files: [
      { name: PROXY_FILE, content: configText(frontends, terms), mode: 0o600 },
      { name: WAIT_FILE, content: waitScript(terms), mode: 0o600 },
    ],
    // By the step `reread`.
    reload: 'none',
  };
}

/**
 * An agent that starts anew is waited for: haproxy repeats a connection to a socket that nobody listens at without any pause, which is as good as not at all. So each
 * question looks first whether somebody listens, for 15 s at most.
 */
const waitScript = ({ service }: ProxyTerms): string => `local address = "unix@${service}"
core.register_action('wait', { 'http-req' }, function()
  for _ = 1, 150 do
    local socket = core.tcp()
    socket:settimeout(1)
    local listens = socket:connect(address)
    socket:close()
    if listens then return end
    core.msleep(100)
  end
end)
`;

function configText(frontends: readonly Frontend[], terms: ProxyTerms): string {
  const rest = [
    `  maxconn ${CONNECTIONS.all}`,
    // The node's processors are for its tenants, and this is little work.
    '  nbthread 1',
    '  user haproxy',
    '  group haproxy',
    // A connection that lasts keeps the process that has it, and with it a namespace.
    '  hard-stop-after 30s',
    '  tune.bufsize 8192',
    `  lua-load ${filesFolder(terms.owner, PROXY, terms.runDir)}/${WAIT_FILE}`,
    `  stats socket ${statsSocket(terms)} mode 600 level admin expose-fd listeners`,
    'defaults',
    '  mode http',
    '  option http-server-close',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 10s',
    '  timeout client 35s',
    '  timeout server 35s',
    '  timeout connect 5s',
    'backend agent',
    '  http-request lua.wait',
    ...['Forwarded', 'X-Real-IP', 'X-Instance-ID', 'X-Tenant-ID', 'X-Instance-ID-Signature'].map(
      (header) => `  http-request del-header ${header}`,
    ),
    `  http-request set-header ${SOURCE_HEADER} %[src]`,
    `  server agent unix@${terms.service}`,
    ...[...frontends].sort((a, b) => (askerKey(a) < askerKey(b) ? -1 : 1)).flatMap(frontendLines),
  ];
  const text = rest.join('\n');
  return `global\n  description ${digest(text)}\n${text}\n`;
}

function frontendLines(frontend: Frontend): string[] {
  const { kind, id, netnsNumber } = frontend;
  const netns = askerNetns(frontend);
  const other = kind === 'router' ? ASKER_HEADERS.network : ASKER_HEADERS.router;
  return [
    `frontend ${kind}:${id}`,
    `  # net:[${netnsNumber}]`,
    ...(kind === 'router'
      ? [`  bind :::${METADATA_PORT} v4v6 namespace ${netns}`]
      : [
          // Transparent: whether or not the address is there yet.
          `  bind 169.254.169.254:80 transparent namespace ${netns}`,
          // A socket of a link-local address would be one of a device, which may be made anew.
          `  bind :::80 v6only namespace ${netns}`,
          '  tcp-request connection reject unless { dst 169.254.169.254 fe80::a9fe:a9fe }',
        ]),
    `  maxconn ${CONNECTIONS.namespace}`,
    `  stick-table type ipv6 size ${SOURCES} expire 60s store conn_cur`,
    '  tcp-request connection track-sc0 src',
    `  tcp-request connection reject if { sc0_conn_cur gt ${CONNECTIONS.source} }`,
    `  http-request del-header ${other}`,
    `  http-request set-header ${ASKER_HEADERS[kind]} ${id}`,
    '  default_backend agent',
  ];
}

const DESCRIPTION = /^ {2}description (\S+)$/m;
const FRONTEND = /^frontend (router|network):(\S+)\n {2}# net:\[(\d+)\]$/gm;

/** The digest that a file has in it; null of no file of ours. */
export const digestIn = (config: string): string | null => DESCRIPTION.exec(config)?.[1] ?? null;

export const frontendsIn = (config: string): Frontend[] =>
  [...config.matchAll(FRONTEND)].map(([, kind, id = '', number]) => ({
    kind: kind as Asker['kind'],
    id,
    netnsNumber: Number(number),
  }));

/** Lines of a file of ours, each with the section that it is in and whom that is for; null: for all. The sections' own lines are not among them. */
export function linesIn(config: string): readonly Readonly<{ section: string; line: string; asker: Asker | null }>[] {
  let [section, asker]: [string, Asker | null] = ['', null];
  return config.split('\n').flatMap((raw) => {
    const line = raw.trim();
    if (line === '') return [];
    if (raw.startsWith(' ')) return [{ section, line, asker }];
    const [, kind, id = ''] = /^frontend (router|network):(\S+)$/.exec(line) ?? [];
    [section, asker] = [line, kind === undefined ? null : { kind: kind as Asker['kind'], id }];
    return asker ? [] : [{ section, line, asker }];
  });
}
