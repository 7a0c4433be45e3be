/**
 * The controller's CA and the certificate of its nats-server, in the folder of its logins:
 *
 *     ca.key    root alone                 ca.pem    for API and agents, which trust it and nothing else
 *     nats.key  nats-server's user alone   nats.pem
 *
 * A listener on loopback stays plain: what passes there leaves no machine.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { isGoodFor, type KeyAndCertificate, newAuthority, newServerCertificate } from '@plumbline/nats-logins';

/** The user that Debian's package makes for nats-server. */
const NATS_USER = 'nats';
const filesIn = (dir: string) => ({
  caKey: join(dir, 'ca.key'),
  ca: join(dir, 'ca.pem'),
  key: join(dir, 'nats.key'),
  certificate: join(dir, 'nats.pem'),
});
export type TlsFiles = ReturnType<typeof filesIn>;

const hostIn = (listen: string): string => listen.replace(/:-?\d+$/, '').replace(/^\[(.*)\]$/, '$1');

/** Whether nobody beyond this machine reaches `<address>:<port>`. */
export function isLoopback(listen: string): boolean {
  const host = hostIn(listen);
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Makes what is missing, and the server's certificate when it is not for these names or `renew` says so. Otherwise changes nothing. */
export async function ensureTls(
  dir: string,
  listen: string,
  more: readonly string[],
  renew: boolean,
): Promise<TlsFiles> {
  const files = filesIn(dir);
  if (!existsSync(files.caKey) || !existsSync(files.ca)) {
    const made = await newAuthority();
    writeWhole(files.caKey, made.key, 0o600);
    writeWhole(files.ca, made.certificate, 0o644);
  }
  const authority: KeyAndCertificate = {
    key: readFileSync(files.caKey, 'utf8'),
    certificate: readFileSync(files.ca, 'utf8'),
  };
  const names = [...namesOf(listen), ...more];
  const there = existsSync(files.key) && existsSync(files.certificate);
  const good = there && isGoodFor(readFileSync(files.certificate, 'utf8'), authority.certificate, names, new Date());
  if (renew || !good) {
    const made = await newServerCertificate(authority, names);
    writeWhole(files.key, made.key, 0o600, uidOf(NATS_USER));
    writeWhole(files.certificate, made.certificate, 0o644);
  }
  return files;
}

/** The names and addresses under which others reach the listener; of all interfaces when it listens on all. */
function namesOf(listen: string): string[] {
  const host = hostIn(listen);
  if (host !== '0.0.0.0' && host !== '::' && host !== '') return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [hostname(), ...addresses.filter(({ scopeid }) => !scopeid).map(({ address }) => address)];
}

/** Null: this process is not root, or there is no such user. */
function uidOf(user: string): number | null {
  if (process.getuid?.() !== 0 || !existsSync('/etc/passwd')) return null;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${user}:`));
  const uid = Number(line?.split(':')[2]);
  return Number.isInteger(uid) ? uid : null;
}

/** In one step; `owner` null: this process's user. */
export function writeWhole(file: string, content: string, mode: number, owner: number | null = null): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, content, { mode });
  chmodSync(`${file}.new`, mode);
  if (owner !== null) chownSync(`${file}.new`, owner, owner);
  renameSync(`${file}.new`, file);
}
