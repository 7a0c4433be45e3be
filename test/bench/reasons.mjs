/**
 * What questions cost: how long `plumb why` and `plumb doctor` take, whole and in the API alone; and what a thousand of them a minute do to a floating IP that is associated
 * meanwhile. The last is measured in turns, with and without questions, so that a busy machine slows down both.
 */
import path from 'node:path';
import { run } from '@plumbline/exec';
import { connections } from './connect.mjs';
import { median, projectDir, quantile } from './report.mjs';

const [ASKED, STARTED, DIAGNOSED, PAIRS, TURNS] = [60, 12, 8, 5, 60];
const [WHY_MS, DOCTOR_MS, TIMES] = [300, 2_000, 1.1];
const A_MINUTE = 1_000;
/** Of ten questions one is doctor's, which asks three nodes some twenty. */
const DOCTORS_SHARE = 10;

export async function reasonsBench(lab) {
  const api = lab.api(4);
  const load = await lab.load();
  try {
    const texts = await textsOf(lab);
    const whys = texts.map((text) => `/v2.0/reasons?${new URLSearchParams({ of: text, host: 'net1' })}`);
    const [floatingIp] = await api.list('floatingips', 'fields=floating_ip_address');
    const doctor = `/v2.0/doctor/floating-ip/${floatingIp.floating_ip_address}`;
    const get = { method: 'GET', clients: 1 };
    await load.run({ ...get, paths: whys, count: whys.length });
    const why = await load.run({ ...get, paths: whys, count: ASKED });
    const diagnosed = await load.run({ ...get, paths: [doctor], count: DIAGNOSED });
    const whole = await started(lab, texts, (text) => ['why', '--node', 'net1', text]);
    const help = await started(lab, ['--version'], () => ['why', '--help']);
    const wholeDoctor = await started(lab, [floatingIp.floating_ip_address], (address) => [
      'doctor',
      'floating-ip',
      address,
    ]);
    const rows = [
      { ...timed('plumb why, the whole command', whole, WHY_MS) },
      { ...timed('  of it: its start (--help)', help) },
      { ...timed('  of it: the answer of the API', why.ms) },
      { ...timed('plumb doctor of a floating IP across three nodes, the whole command', wholeDoctor, DOCTOR_MS) },
      { ...timed('  of it: the answer of the API', diagnosed.ms) },
    ];
    const mixed = whys.flatMap((each, at) => (at % (DOCTORS_SHARE - 1) === 0 ? [doctor, each] : [each]));
    rows.push(...(await beside(lab, load, whys, 'of why alone')));
    return [...rows, ...(await beside(lab, load, mixed, "one in ten doctor's"))];
  } finally {
    api.close();
    load.close();
  }
}

/** Lines as tools print them on the network node: of each sort some. */
async function textsOf(lab) {
  const script = `for n in $(ip netns list | cut -d' ' -f1); do
      ip netns exec $n iptables-save | grep -e '^-A neutron' | sed "s/^/$n /" | head -12; ip -n $n -o address | sed "s/^/$n /"; done
    ovs-ofctl -O OpenFlow14 --names dump-flows br-int | grep cookie=0x504c | head -12
    cat /run/plumbline/processes/*/*/files/hosts; ovs-vsctl list-ports br-int`;
  const { stdout } = await run(lab.argv('net1', ['sh', '-c', script]));
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/ lo /.test(line));
}

async function started(lab, texts, argv) {
  const ms = [];
  const [file, env] = [
    path.join(projectDir, 'apps/cli/dist/main.js'),
    { PLUMB_STATE: lab.spec.stateDir, OS_TOKEN: lab.token },
  ];
  for (let n = 0; n < STARTED; n += 1) {
    const start = performance.now();
    await run([process.execPath, file, ...argv(texts[(n * 7) % texts.length])], {
      env: { ...env, PLUMB_API: lab.state.apiUrl },
    });
    ms.push(performance.now() - start);
  }
  return ms;
}

/** Pairs in turns, of which each first is once without questions and once with them. */
async function beside(lab, load, paths, which) {
  const [without, during] = [
    { post: [], connect: [] },
    { post: [], connect: [] },
  ];
  const statuses = {};
  let askedMs = 0;
  const measure = async (into) => {
    const made = await connections(lab, { turns: TURNS });
    for (const what of ['post', 'connect']) into[what].push(...made[what]);
  };
  const withQuestions = async () => {
    const start = performance.now();
    const asking = load.start({ method: 'GET', clients: 8, paths, everyMs: 60_000 / A_MINUTE });
    await measure(during);
    for (const [status, count] of Object.entries(await asking.stop()))
      statuses[status] = (statuses[status] ?? 0) + count;
    askedMs += performance.now() - start;
  };
  await measure({ post: [], connect: [] });
  for (let pair = 0; pair < PAIRS; pair += 1) {
    if (pair % 2 === 0) await measure(without);
    await withQuestions();
    if (pair % 2 === 1) await measure(without);
  }
  const answered = statuses[200] ?? 0;
  const ratio = (name, what) => ({
    name,
    value: median(during[what]) / median(without[what]),
    unit: 'times',
    target: { atMost: TIMES },
    detail: `medians ${median(during[what]).toFixed(1)} and ${median(without[what]).toFixed(1)} ms, p90 ${quantile(during[what], 0.9).toFixed(0)} and ${quantile(without[what], 0.9).toFixed(0)}; ${during[what].length} turns each`,
  });
  return [
    {
      name: `questions a minute meanwhile, ${which}`,
      value: (answered / askedMs) * 60_000,
      unit: '',
      target: { atLeast: 0.9 * A_MINUTE },
      detail: Object.entries(statuses)
        .map(([status, count]) => `${count} were answered ${status}`)
        .join(', '),
    },
    ratio('POST floatingip, associated: stored, with questions to without', 'post'),
    ratio('  the same to the first TCP connection', 'connect'),
  ];
}

const timed = (name, ms, atMost) => ({
  name: `${name}, median`,
  value: median(ms),
  unit: 'ms',
  ...(atMost && { target: { atMost } }),
  detail: `${ms.length} times, worst ${Math.max(...ms).toFixed(0)} ms`,
});
