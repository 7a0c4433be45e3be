/** What faults are made with: a patient, and hands that act on its lab. */
import { AGENTS, type AgentKind } from '@plumbline/contracts';
import { ensureUnit, type InstanceState, removeUnit, signal, type Unit } from '@plumbline/lab';
import { type Resource, type TestLab, until } from '../test-lab.js';

/** Many times what it takes until a router is on its node again, or an agent is back. */
const MENDED_MS = 90_000;

export type Fault = Readonly<{
  name: string;
  /** The check that must be named first. */
  check: string;
  /** Path below /v2.0/doctor/. */
  ask: () => string;
  make: () => Promise<void>;
  unmake: () => Promise<void>;
  /** What the sentence must say. */
  says?: () => RegExp;
}>;

/** What the faults are made on. */
export type Patient = Readonly<{
  lab: TestLab;
  vm1: InstanceState;
  vm2: InstanceState;
  /** An instance on a network without a router. */
  alone: InstanceState;
  aloneSubnet: Resource;
  /** An instance on the provider network itself. */
  direct: InstanceState;
  floatingIp: Resource;
  router: Resource;
  privateNetwork: Resource;
  privateSubnet: Resource;
  publicNetwork: Resource;
  publicSubnet: Resource;
}>;

export type Hands = ReturnType<typeof handsOf>;

/** `made`: objects that a fault made, by a name for each; `unmake` removes them. */
export function handsOf({ lab, vm1, floatingIp, router }: Patient) {
  const address = String(floatingIp['floating_ip_address']);
  const netns = `qrouter-${router.id}`;
  const ofFloatingIp = () => `floating-ip/${address}`;
  const ofPort = (instance: InstanceState) => () => `port/${instance.portId}`;
  const at = (where: string, ...argv: string[]): Promise<void> => lab.at(where, argv).then(() => undefined);
  const shell = (where: string, script: string): Promise<void> => at(where, 'sh', '-c', script);
  const inGuest = (vm: InstanceState, script: string): Promise<void> =>
    lab.inside(vm, ['sh', '-c', script]).then(() => undefined);
  const port = (vm: InstanceState, change: Record<string, unknown>) =>
    lab.update('port', vm.portId, change).then(() => undefined);
  const isActive = (vm: InstanceState): Promise<void> => lab.becomes('port', vm.portId, 'ACTIVE').then(() => undefined);
  const works = (): Promise<void> => lab.answers('outside', address, vm1.name, MENDED_MS).then(() => undefined);
  const agentUnit = (kind: AgentKind, host: string): string => `${AGENTS[kind].app}-${host}`;
  const stop = (unit: string): void => void signal(lab.unit(unit), 'SIGSTOP');
  const go = (unit: string): void => void signal(lab.unit(unit), 'SIGCONT');
  const stopped = new Map<string, Unit>();
  const takeAway = async (unit: string): Promise<void> => {
    stopped.set(unit, lab.wanted(unit));
    await removeUnit(lab.spec.stateDir, unit);
  };
  const bringBack = async (unit: string): Promise<void> => {
    const wanted = stopped.get(unit);
    if (wanted) await ensureUnit(lab.spec.stateDir, wanted);
  };
  const request = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Readonly<Record<string, unknown>> | null> => {
    const answer = await lab.request(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const agentsAnswer = async (kind: AgentKind, host: string): Promise<void> =>
    until(
      async () => {
        const body = await request('POST', `/plumbline/v1/nodes/${host}/questions`, { question: 'state', agent: kind });
        return JSON.stringify(body).includes('"in-sync"');
      },
      () => `the ${kind} agent of ${host} does not answer again`,
    );
  const lose = (vm: InstanceState): Promise<void> => inGuest(vm, 'ip address flush dev eth0');
  const regain = (vm: InstanceState): Promise<void> =>
    inGuest(
      vm,
      `ip address replace ${vm.ip}/${vm.prefix} dev eth0; ip route replace default via ${vm.gateway} dev eth0`,
    );
  const made = new Map<string, Resource>();
  const keep = async (name: string, making: Promise<Resource>): Promise<Resource> => {
    const resource = await making;
    made.set(name, resource);
    return resource;
  };
  const kept = (name: string): string => made.get(name)?.id ?? '';
  const remove = async (member: string, name: string): Promise<void> => lab.delete(member, kept(name));
  return {
    address,
    agentUnit,
    agentsAnswer,
    at,
    bringBack,
    go,
    inGuest,
    isActive,
    keep,
    kept,
    lose,
    made,
    netns,
    ofFloatingIp,
    ofPort,
    port,
    regain,
    remove,
    request,
    shell,
    stop,
    stopped,
    takeAway,
    works,
  };
}
