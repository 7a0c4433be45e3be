/**
 * Looks into network namespaces, by one child of the helper for many (helper/kernel.pl states the body of the request). What is asked in one go, of the node's own
 * namespace and of a router's, is one request: a child costs more than a look.
 */
import { getSystemErrorMessage } from './errno.js';
import { CommandFailed, notEntered } from './errors.js';
import { failureOf } from './failure-of.js';
import { answerKind, fieldAt } from './frames.js';
import { HelperProcess } from './helper-process.js';
import { type Known, networkIn, PARTS, type NetworkQuestion, type RulesRevision, type SeenNetwork } from './network.js';
import { netnsPath, sysctlPath } from './runner.js';

const LOOK = 12;
/** Parts of a look that are not of rtnetlink, as helper/kernel.pl numbers them. */
const lookPart = { allLinks: 1, offloads: 2, revision: 4 } as const;
/** Namespaces of one request, if more than one question is in it: others are looked into by another child at the same time. */
const TOGETHER = 25;

/** Namespaces whose words are remembered: as many as a node may have routers. */
const MOST_KNOWN = 512;

type Seen = SeenNetwork | CommandFailed;
type Asked = Readonly<{
  /** Undefined: the runner's own. */
  netnses: readonly (string | undefined)[];
  fields: readonly (number | string)[];
  resolve: (seen: readonly Seen[]) => void;
  reject: (error: unknown) => void;
}>;

/** Pairs of strings, each behind its length. */
function pairsIn(bytes: Buffer): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at < bytes.length;) {
    const name = fieldAt(bytes, at);
    const value = name && fieldAt(bytes, at + 4 + name.length);
    if (!name || !value) break;
    pairs.push([name.toString('utf8'), value.toString('utf8').replace(/\n$/, '')]);
    at += 8 + name.length + value.length;
  }
  return pairs;
}

function revisionIn(text: string): RulesRevision | null {
  const [namespace = '', changes] = text.split(' ');
  return changes === undefined ? null : { namespace, changes: Number(changes) };
}

export class Looks {
  /** Asked in this turn of the event loop. */
  private asked: Asked[] = [];
  /** By namespace. */
  private readonly known = new Map<string, Known>();

  constructor(private readonly helper: HelperProcess) {}

  /** Contract: Runner.look. */
  async look(question: NetworkQuestion, netnses?: readonly string[]): Promise<readonly Seen[]> {
    if (netnses?.length === 0) return [];
    const fields = this.fieldsOf(question, netnses ?? []);
    return new Promise((resolve, reject) => {
      if (this.asked.length === 0) queueMicrotask(() => this.askAll());
      this.asked.push({ netnses: netnses ?? [undefined], fields, resolve, reject });
    });
  }

  private fieldsOf(question: NetworkQuestion, netnses: readonly string[]): (number | string)[] {
    const { links, parts = [], devices = [], sysctls = [], txChecksum = false, rulesRevision = false } = question;
    const bad = devices.find((prefix) => !/^[a-z-]+$/.test(prefix));
    if (bad !== undefined) throw new TypeError(`${JSON.stringify(bad)} cannot be how a device's name begins`);
    const bits =
      parts.reduce((sum, part) => sum | PARTS[part], 0) |
      (links === 'all' ? lookPart.allLinks : 0) |
      (txChecksum ? lookPart.offloads : 0) |
      (rulesRevision ? lookPart.revision : 0);
    const lists = [
      netnses.map((netns) => netnsPath(netns, this.helper.netnsDir)),
      links === 'all' ? [] : links,
      sysctls.map(sysctlPath),
    ];
    const pattern = devices.length === 0 ? '(?!)' : devices.join('|');
    return [bits, pattern, ...lists.map((list) => list.join('\0'))];
  }

  private askAll(): void {
    const batches: Asked[][] = [];
    let size = Infinity;
    for (const each of this.asked) {
      size += each.netnses.length;
      const last = batches.at(-1);
      if (last && size <= TOGETHER) last.push(each);
      else {
        batches.push([each]);
        size = each.netnses.length;
      }
    }
    this.asked = [];
    for (const batch of batches)
      this.ask(batch).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
  }

  /** The helper answers entered, errno, and four texts for each namespace. */
  private async ask(batch: readonly Asked[]): Promise<void> {
    const argv = ['look', ...batch.flatMap(({ netnses }) => netnses.flatMap((netns) => netns ?? []))];
    const fields = [batch.length, ...batch.flatMap((each) => each.fields)];
    const answer = await this.helper.ask({ argv, type: LOOK, fields, options: {} });
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, {}, answer);
    const bytes = answer.stdout;
    let at = 0;
    const number = (): number => bytes.readUInt32BE((at += 4) - 4);
    const field = (): Buffer => {
      const value = fieldAt(bytes, at) ?? Buffer.alloc(0);
      at += 4 + value.length;
      return value;
    };
    for (const { netnses, resolve } of batch)
      resolve(
        netnses.map((netns): Seen => {
          const [unentered, unread] = [number(), number()];
          const [revision, messages, values, offloads] = [field(), field(), field(), field()];
          const known = this.knownOf(netns, unentered === 0 && unread === 0);
          if (unentered !== 0) return notEntered(['look'], netns, unentered);
          if (unread !== 0) {
            const detail = `it could not be read (${getSystemErrorMessage(unread)})`;
            return new CommandFailed({ argv: ['look'], netns, reason: 'exit', code: null, detail });
          }
          return {
            ...networkIn(messages, known),
            sysctls: new Map(pairsIn(values).map(([path, value]) => [path.slice('/proc/sys/'.length), value])),
            txChecksum: new Map(pairsIn(offloads).map(([device, on]) => [device, on === '1'])),
            rulesRevision: revisionIn(revision.toString('latin1')),
          };
        }),
      );
  }

  private knownOf(netns: string | undefined, isThere: boolean): Known | undefined {
    if (netns === undefined) return undefined;
    const known = this.known.get(netns) ?? { devices: '', said: new Map() };
    this.known.delete(netns);
    if (isThere) this.known.set(netns, known);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= MOST_KNOWN) break;
      this.known.delete(oldest);
    }
    return known;
  }
}
