/** Numbers of the system's users. */
import { run } from '@plumbline/exec';

/** uid and main gid of a user of this machine; throws when there is none of this name. */
export async function userIds(name: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const [, , uid, gid] = (await run(['getent', 'passwd', name])).stdout.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
