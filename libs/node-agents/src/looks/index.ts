/** How every agent answers looks at its node (contracts, looks.ts): what it takes is the switch's database and a runner, which each of them has. */
import type { Answers } from '@plumbline/agent-runtime';
import type { LookName } from '@plumbline/contracts';
import { Spawner } from '@plumbline/exec';
import type { IpVersion } from '@plumbline/iptables';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import { rulesRead } from './bridges.js';
import { flows } from './flows.js';
import { namespace } from './namespace.js';
import { path, probe } from './probe.js';
import { routing } from './routing.js';
import { switching } from './switching.js';
import { wiring } from './wiring.js';

const RUN_DIR = '/run/openvswitch';

/**
 * Runs what questions need, behind all that the node itself has to do: who asks can wait, and must not hold up a change. Its helper is started by the first question. Close
 * it when done.
 */
export const questionRunner = (): Spawner => new Spawner({ under: ['nice', '-n', '10'] });

/**
 * One look of the same parameters is under way at a time. Who asks meanwhile gets the next one, together with all others who wait for it: it begins after they asked, so it
 * says nothing that is older than the question.
 */
export function inTurns<P, A>(look: (params: P) => Promise<A>): (params: P) => Promise<A> {
  type Turn = { ended: Promise<void>; next: Promise<A> | null };
  const turns = new Map<string, Turn>();
  const begin = (key: string, params: P): Promise<A> => {
    const looking = look(params);
    const turn: Turn = {
      ended: looking.then(
        () => undefined,
        () => undefined,
      ),
      next: null,
    };
    turns.set(key, turn);
    void turn.ended.then(() => {
      if (turns.get(key) === turn && !turn.next) turns.delete(key);
    });
    return looking;
  };
  return (params) => {
    const key = JSON.stringify(params);
    const turn = turns.get(key);
    return turn ? (turn.next ??= turn.ended.then(() => begin(key, params))) : begin(key, params);
  };
}

/** `opened`: rejects while the switch's database does not answer. */
export const looksAt = (
  runner: Spawner,
  opened: () => Promise<Readonly<{ mirror: OvsdbMirror }>>,
): Answers<LookName> => {
  const rules = inTurns((version: IpVersion) => rulesRead(runner, version));
  return {
    wiring: inTurns(async (params) => wiring(runner, (await opened()).mirror, RUN_DIR, params)),
    flows: inTurns(async (params) => flows(runner, (await opened()).mirror, RUN_DIR, params)),
    namespace: inTurns((params) => namespace(runner, params)),
    probe: async (params) => probe(runner, (await opened()).mirror, params),
    path: (params) => path(runner, params),
    switching: async (params, { signal }) => switching((await opened()).mirror, RUN_DIR, params, rules, signal),
    routing: (params) => routing(runner, params),
  };
};
