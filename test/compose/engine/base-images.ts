/**
 * The two public base images, made here under their public names, so that the Dockerfiles can be built where no image can be pulled: Debian's from debootstrap(8),
 * Node.js's from that and this machine's own node and npm. The measures that make the public images small and quick to install into are taken here too.
 */
import { cpSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '@plumbline/exec';
import type { Engine } from './engine.js';

const suite = 'bookworm';
const debootstrapTimeoutMs = 300_000;
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Files of Debian's public images: no documents, no translations, no waiting for the disk. */
const configuration: Readonly<Record<string, string>> = {
  'etc/dpkg/dpkg.cfg.d/docker-apt-speedup': 'force-unsafe-io\n',
  'etc/dpkg/dpkg.cfg.d/docker':
    'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n',
  'etc/apt/apt.conf.d/docker-no-languages': 'Acquire::Languages "none";\n',
  'etc/apt/apt.conf.d/docker-clean':
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };\n',
};

/** Makes both images in the engine. The Debian root is kept as a tar file in `cacheDir` and made again when it is not there. */
export async function makeBaseImages(engine: Engine, cacheDir: string): Promise<void> {
  const tar = path.join(cacheDir, `debian-${suite}-${process.arch}.tar`);
  if (!existsSync(tar)) await makeDebianRoot(engine, tar);
  await engine.docker(['import', tar, `debian:${suite}-slim`]);
  await makeNodeImage(engine);
}

/** Where apt on this machine gets the suite from. */
async function mirrorOfThisMachine(): Promise<string> {
  const format = '$(CODENAME) $(COMPONENT) $(REPO_URI)';
  const { stdout } = await run(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const [, , mirror] = stdout.split('\n').map((line) => line.split(' ')).find(([name, part]) => name === suite && part === 'main') ?? []; // prettier-ignore
  if (!mirror) throw new Error(`apt here knows no mirror of ${suite}: set PLUMB_DEBIAN_MIRROR`);
  return mirror;
}

async function makeDebianRoot(engine: Engine, tar: string): Promise<void> {
  const root = path.join(engine.folder, 'debian');
  const mirror = process.env['PLUMB_DEBIAN_MIRROR'] ?? (await mirrorOfThisMachine());
  await run(['debootstrap', '--variant=minbase', '--include=ca-certificates', suite, root, mirror], {
    timeoutMs: debootstrapTimeoutMs,
  });
  for (const [file, text] of Object.entries(configuration)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  mkdirSync(path.dirname(tar), { recursive: true });
  const leaveOut = ['./var/cache/apt/archives/*.deb', './var/lib/apt/lists/*', './usr/share/doc', './usr/share/man'];
  await run(['tar', '-C', root, ...leaveOut.map((each) => `--exclude=${each}`), '-cf', `${tar}.new`, '.'], {
    timeoutMs: debootstrapTimeoutMs,
  });
  renameSync(`${tar}.new`, tar);
  rmSync(root, { recursive: true, force: true });
}

/** Adds the certificates and the registry that this machine uses: npm in a build must use the same registry as npm here. */
async function makeNodeImage(engine: Engine): Promise<void> {
  const context = path.join(engine.folder, 'node-base');
  const npm = path.resolve(realpathSync((await run(['which', 'npm'])).stdout.trim()), '../..');
  const registry = (await run(['npm', 'config', 'get', 'registry'])).stdout.trim();
  mkdirSync(context);
  cpSync(process.execPath, path.join(context, 'node'));
  cpSync(npm, path.join(context, 'npm'), { recursive: true });
  cpSync(certificates, path.join(context, 'certificates.crt'));
  const lines = [
    `FROM debian:${suite}-slim`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    `COPY certificates.crt ${certificates}`,
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    `ENV NODE_EXTRA_CA_CERTS=${certificates} npm_config_registry=${registry}`,
  ];
  writeFileSync(path.join(context, 'Dockerfile'), lines.join('\n'));
  await engine.docker(['build', '--quiet', '--tag', `node:20-${suite}-slim`, context]);
  rmSync(context, { recursive: true, force: true });
}
