/**
 * The physical floor of a rebuild: a hand-made script that is not part of this project. PLUMB_FLOOR says where it is; by default beside the clone. It runs in
 * namespaces of its own, so its names cannot conflict with others.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { run } from '@plumbline/exec';
import { projectDir } from './report.mjs';

const script = path.resolve(projectDir, process.env.PLUMB_FLOOR ?? '../shared/floor/rebuild-floor.sh');
const VARIANTS = { internal: [], veth: ['-t', 'veth', '-O'] };

/** Returns `{ totalMs, objects }`, or `{ missing }` when there is no such script. */
export async function runFloor(variant, routers, floating) {
  if (!existsSync(script)) return { missing: `no script at ${script} (PLUMB_FLOOR names another)` };
  const prefix = `f${process.pid % 100_000}-`;
  const inside = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"';
  const argv = ['bash', script, '-n', String(routers), '-f', String(floating), '-x', prefix, ...VARIANTS[variant]];
  const { stdout } = await run(
    ['unshare', '--net', '--mount', '--propagation', 'private', '--', 'sh', '-c', inside, 'sh', ...argv],
    { timeoutMs: 300_000 },
  );
  const totalMs = Number(/TOTAL (\d+) ms/.exec(stdout)?.[1]);
  const rules = Number(/rules per router: (\d+)/.exec(stdout)?.[1]);
  if (!totalMs || !/arp_replies=3 /.test(stdout)) throw new Error(`the floor did not build its node:\n${stdout}`);
  const objects = {
    namespaces: routers,
    'veth pairs': variant === 'veth' ? 2 * routers : 0,
    'OVS ports': 2 * routers,
    addresses: (2 + floating) * routers,
    routes: routers,
    rules: rules * routers,
    flows: 0,
  };
  return { totalMs, objects };
}
