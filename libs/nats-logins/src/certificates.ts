/**
 * TLS between nodes, API and NATS: a CA of the controller's own and the certificate of its NATS server, made by openssl(1).
 *
 * Clients prove who they are by the signature of their nkey, so they need no certificates; they trust this CA and nothing else, and it signs nothing but the
 * NATS server's certificate. Keys are of the curve P-256, which every release of TLS 1.2 and 1.3 knows.
 *
 * Road not taken: certificates made by a library in this process. Node.js makes keys and reads certificates, and cannot sign them.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommandFailed, run } from '@plumbline/exec';

/** Both as PEM. */
export type KeyAndCertificate = Readonly<{ key: string; certificate: string }>;

const AUTHORITY_DAYS = 20 * 365;
const SERVER_DAYS = 10 * 365;
/** A certificate that ends sooner is made anew by the next command that looks. */
const RENEW_BEFORE_MS = 365 * 24 * 60 * 60 * 1000;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
/** The name by which the NATS client verifies a server that it reaches by an address. */
export const ALWAYS_NAMED = 'localhost';

/** A new CA. Rejects when openssl is missing. */
export function newAuthority(): Promise<KeyAndCertificate> {
  return signed(AUTHORITY_DAYS, 'Plumbline controller', [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
  ]);
}

/** A certificate for the NATS server under these names and addresses, signed by `authority`. */
export function newServerCertificate(
  authority: KeyAndCertificate,
  names: readonly string[],
): Promise<KeyAndCertificate> {
  const all = [...new Set([ALWAYS_NAMED, ...names])];
  const alternatives = all.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`);
  const parts = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    `subjectAltName=${alternatives.join(',')}`,
  ];
  return signed(SERVER_DAYS, 'Plumbline NATS', parts, authority);
}

/** Whether the certificate is of this CA, for all of these names, and good for another year. */
export function isGoodFor(certificate: string, authority: string, names: readonly string[], now: Date): boolean {
  const made = new X509Certificate(certificate);
  const has = (name: string): boolean =>
    (isIP(name) === 0 ? made.checkHost(name, { subject: 'never' }) : made.checkIP(name)) !== undefined;
  return (
    made.verify(new X509Certificate(authority).publicKey) &&
    Date.parse(made.validTo) > now.getTime() + RENEW_BEFORE_MS &&
    names.every(has)
  );
}

async function signed(
  days: number,
  subject: string,
  extensions: readonly string[],
  by?: KeyAndCertificate,
): Promise<KeyAndCertificate> {
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-certificate-'));
  const file = (name: string): string => path.join(folder, name);
  try {
    const lines = ['[req]', 'distinguished_name=dn', 'x509_extensions=ext', 'prompt=no', '[dn]', `CN=${subject}`];
    writeFileSync(file('cnf'), [...lines, '[ext]', ...extensions, ''].join('\n'));
    if (by) for (const part of ['key', 'certificate'] as const) writeFileSync(file(part), by[part], { mode: 0o600 });
    await openssl([
      ...['req', '-x509', '-sha256', '-days', String(days), '-config', file('cnf'), ...NEW_KEY],
      ...(by ? ['-CA', file('certificate'), '-CAkey', file('key')] : []),
      ...['-keyout', file('new.key'), '-out', file('new.pem')],
    ]);
    return { key: readFileSync(file('new.key'), 'utf8'), certificate: readFileSync(file('new.pem'), 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openssl(argv: readonly string[]): Promise<void> {
  try {
    await run(['openssl', ...argv], { timeoutMs: 60_000 });
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.reason !== 'not-started') throw error;
    throw new Error('openssl is missing, which makes the certificates: apt-get install openssl', { cause: error });
  }
}
