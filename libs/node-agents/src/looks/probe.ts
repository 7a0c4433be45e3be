/** Looks: who answers frames that are sent from this node, and whether other tunnel ends are reached. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AnswerOf, ParamsOf, Probe, ProbePlace } from '@plumbline/contracts';
import { dhcpDevice, dhcpNetns } from '@plumbline/dhcp-core';
import type { FrameQuestion, Spawner } from '@plumbline/exec';
import { gatewayDevice, interfaceDevice, netnsOf } from '@plumbline/l3-core';
import { tapOf } from '@plumbline/ovs-core';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import { answerOf, questionOf } from './frames.js';
import { pluggedBy } from './wiring.js';

const TIMES = 3;

/** Whatever plugs an instance through a bridge of its own, the device at the instance's end is `tap<11>`. */
function placeOf(place: ProbePlace, mirror: OvsdbMirror): Pick<FrameQuestion, 'netns' | 'device'> {
  switch (place.in) {
    case 'router':
      return {
        netns: netnsOf(place.routerId),
        device: place.gateway ? gatewayDevice(place.portId) : interfaceDevice(place.portId),
      };
    case 'network':
      return { netns: dhcpNetns(place.networkId), device: dhcpDevice(place.portId) };
    case 'port': {
      const [plugged] = pluggedBy(mirror, place.portId);
      return { device: plugged && !plugged.name.startsWith('qvo') ? plugged.name : tapOf(place.portId) };
    }
  }
}

/** All are sent at the same time. */
export async function probe(
  runner: Spawner,
  mirror: OvsdbMirror,
  { probes, forMs }: ParamsOf<'probe'>,
): Promise<AnswerOf<'probe'>> {
  const first = Math.floor(Math.random() * 60_000);
  const questions = probes.map((each: Probe, index) => questionOf(each, placeOf(each.place, mirror), first + index));
  const heard = await runner.askFrames(questions, { forMs, times: TIMES });
  return {
    answers: probes.map((each: Probe, index) => answerOf(each, heard[index] ?? { frame: null, error: 'not asked' })),
  };
}

/** Bytes of an IPv4 header and an ICMP header. */
const HEADERS = 28;
const SHORT = 64;
/** An answer comes sooner, or with the second packet, or it is doubtful. */
const SOON_MS = 300;

/** By ping(8), which has the kernel forbid that a packet is divided. */
export async function path(runner: Spawner, { from, to, bytes, forMs }: ParamsOf<'path'>): Promise<AnswerOf<'path'>> {
  const ping = async (end: string, length: number): Promise<boolean> => {
    const how = [
      '-n',
      '-q',
      '-c',
      '2',
      '-i',
      '0.2',
      '-W',
      String(forMs / 1_000),
      '-M',
      'do',
      '-s',
      String(length - HEADERS),
    ];
    const { code } = await runner.run(['ping', ...how, '-I', from, end], {
      ...{ okCodes: [0, 1, 2], reads: true, timeoutMs: 2_800 },
    });
    return code === 0;
  };
  const tried = async (end: string) => {
    const whole = ping(end, bytes);
    // Where a large packet passes, a small one does.
    const passes = await Promise.race([whole, delay(SOON_MS, false)]);
    const reached = passes || (await ping(end, SHORT)) || (await whole);
    return { to: end, reached, whole: await whole };
  };
  return { ends: await Promise.all(to.map(tried)) };
}
