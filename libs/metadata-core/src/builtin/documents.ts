/**
 * What a node itself answers a guest, for clouds without Nova: the paths of OpenStack and of EC2, as far as what they say is known. Pure.
 *
 *   /openstack                          versions
 *   /openstack/<version>/               meta_data.json network_data.json user_data vendor_data.json vendor_data2.json
 *   /                                   versions
 *   /<version>/user-data
 *   /<version>/meta-data/               hostname instance-id local-hostname local-ipv4 public-keys/ ...
 */
import { hostnameOf, keysOf, text, userDataOf, type Document, type Guest } from './guest.js';
import { networkDataOf } from './network-data.js';

/** Those of Nova. What each of them has that others have not is not told apart: clients take the newest that they know. */
const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  'latest',
] as const;
const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  'latest',
] as const;

/** `path`: with or without a query. Null: there is nothing there. */
export function documentOf(path: string, guest: Guest): Document | null {
  const [first, ...rest] = (path.split('?')[0] ?? '').split('/').filter((part) => part !== '');
  if (first === undefined) return list(EC2_VERSIONS);
  if (first === 'openstack') return openstack(rest, guest);
  return (EC2_VERSIONS as readonly string[]).includes(first) ? at(ec2(guest), rest) : null;
}

const list = (names: readonly string[]): Document => text(names.join('\n'));
const json = (value: unknown): Document => ({ type: 'application/json', text: JSON.stringify(value) });

function openstack([version, name, ...more]: readonly string[], guest: Guest): Document | null {
  if (version === undefined) return list(OPENSTACK_VERSIONS);
  if (!(OPENSTACK_VERSIONS as readonly string[]).includes(version) || more.length > 0) return null;
  const userData = userDataOf(guest);
  const documents = new Map<string, Document>([
    ['meta_data.json', json(metaDataOf(guest))],
    ['network_data.json', json(networkDataOf(guest.ports))],
    ...(userData ? ([['user_data', userData]] as const) : []),
    ['vendor_data.json', json({})],
    ['vendor_data2.json', json({})],
  ]);
  return name === undefined ? list([...documents.keys()]) : (documents.get(name) ?? null);
}

function metaDataOf(guest: Guest) {
  const hostname = hostnameOf(guest);
  const keys = keysOf(guest);
  return {
    uuid: guest.asking.deviceId,
    project_id: guest.asking.projectId,
    hostname,
    name: hostname.split('.')[0],
    launch_index: 0,
    ...(keys.length > 0 && {
      public_keys: Object.fromEntries(keys),
      keys: keys.map(([name, data]) => ({ name, type: 'ssh', data })),
    }),
  };
}

/** Names and what is behind them, in the order in which they are listed; `listed`: other words for them in the list. */
type Folder = Readonly<{ entries: ReadonlyMap<string, Folder | Document>; listed?: readonly string[] }>;
type Entry = readonly [string, Folder | Document];
const folder = (entries: readonly (Entry | null)[], listed?: readonly string[]): Folder => ({
  entries: new Map(entries.filter((each) => each !== null)),
  ...(listed && { listed }),
});

function ec2(guest: Guest): Folder {
  const hostname = text(hostnameOf(guest));
  const addresses = guest.ports.flatMap(({ port }) => port.fixedIps.map(({ ipAddress }) => ipAddress));
  const address = addresses.find((each) => !each.includes(':'));
  const keys = keysOf(guest);
  const userData = userDataOf(guest);
  const publicKeys = folder(
    keys.map(([, key], n): Entry => [`${n}`, folder([['openssh-key', text(key)]])]),
    keys.map(([name], n) => `${n}=${name}`),
  );
  const metaData = folder([
    ['ami-launch-index', text('0')],
    ['hostname', hostname],
    ['instance-id', text(guest.asking.deviceId)],
    ['local-hostname', hostname],
    address === undefined ? null : ['local-ipv4', text(address)],
    keys.length === 0 ? null : ['public-keys', publicKeys],
  ]);
  return folder([['meta-data', metaData], userData && ['user-data', userData]]);
}

const isFolder = (node: Folder | Document): node is Folder => 'entries' in node;

/** What is at a path: of a folder the list of its names, with a slash behind those of folders. */
function at({ entries, listed }: Folder, path: readonly string[]): Document | null {
  const [name, ...rest] = path;
  if (name === undefined)
    return list(listed ?? [...entries].map(([each, node]) => (isFolder(node) ? `${each}/` : each)));
  const node = entries.get(name);
  if (!node) return null;
  if (isFolder(node)) return at(node, rest);
  return rest.length === 0 ? node : null;
}
