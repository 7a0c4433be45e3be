/** Frames that an instance writes itself, byte by byte (`frames.pl`), and who hears them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ensureUnit, labEnvironment, removeUnit, runningPlace, type InstanceState } from '@plumbline/lab';
import { until, type TestLab } from './test-lab.js';

const script = readFileSync(path.resolve(import.meta.dirname, 'frames.pl'), 'utf8');

/**
 * Has one instance send frames to another on its network, with its own MAC and address, and with others of the network's (`falseIp`). Answers those that the other has
 * heard, but for its own. Throws when its own do not arrive.
 */
export async function falseFramesHeard(
  lab: TestLab,
  from: InstanceState,
  to: InstanceState,
  falseIp: string,
): Promise<string[]> {
  const { project } = runningPlace(lab.spec, to.host).paths;
  const unit = `hear-${from.name}`;
  await ensureUnit(lab.spec.stateDir, {
    ...{ name: unit, order: 41, restart: true, afterStart: [], stopSignal: 'SIGTERM' },
    argv: lab.argvAt(to.name, ['perl', `${project}/test/system/testing/frames.pl`, 'hear', 'eth0']),
    env: labEnvironment(lab.state.labId),
  });
  const send = async (word: string, { mac = from.mac, ip = from.ip } = {}): Promise<void> => {
    const argv = ['perl', '-e', script, 'send', 'eth0', mac, to.mac, ip, to.ip, word];
    await lab.at(from.name, argv, { timeoutMs: 60_000 });
  };
  const heard = (): string[] => lab.logOf(unit).split('\n');
  // The first may be sent before the other end listens.
  await until(
    async () => {
      await send('own');
      return heard().includes('own');
    },
    () => `a frame of its own does not arrive`,
  );
  await send('false address', { ip: falseIp });
  await send('false mac', { mac: 'fa:16:3e:00:00:01' });
  await send('false both', { mac: 'fa:16:3e:00:00:01', ip: falseIp });
  await send('last');
  await until(
    () => heard().includes('last'),
    () => 'the last frame of its own does not arrive',
  );
  await removeUnit(lab.spec.stateDir, unit);
  return heard().filter((word) => word.startsWith('false'));
}
