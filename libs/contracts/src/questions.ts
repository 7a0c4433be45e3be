/**
 * What the control plane may ask an agent about its node, for an administrator: a closed list, each question with its parameters, its answer and its time. A question
 * changes nothing on the node. What asks and answers: docs/design/delivery.md, "Questions to nodes"; how to add one: docs/how-to/add-a-question.md.
 *
 *     API    Question  plumb.v1.question.<host>.<agent>            the agents of the host alone hear it
 *     agent  Answer    plumb.v1.answer.<host>.<agent>.<asker>      the process of the API that asked hears it
 *
 * Each message may be lost or doubled, and an agent may be of another release. So a question has an id and a deadline: what is not answered by then is not known, and
 * whoever asked says so.
 */
import { z } from 'zod';
import { LOOKS } from './looks.js';
import type { QuestionDeclaration } from './question-declaration.js';
import { Id, Position, Word } from './primitives.js';

/** Bytes of JSON of an answer. What would be longer is shortened by whoever answers, and says that there is more. */
export const MOST_ANSWER_BYTES = 400_000;
/** Questions that an agent answers at a time; it refuses the others (`busy`). */
export const QUESTIONS_AT_ONCE = 4;
/** Longest time that a question may ask for, in milliseconds. */
const LONGEST_MS = 30_000;

/** One thing that a node has, and that a text can name (docs/reference/why.md). */
export const Thing = z.object({
  /** namespace, device, address, neighbour, route, policy-rule, sysctl, chain, rule, set, bridge, port, flow, process, entry (a line of a program's file); or of another release. */
  sort: Word,
  /** Where on the node: `qrouter-<id>`, `br-int`; empty: in the node's own namespace. */
  place: z.string(),
  /** What it is known by there: a device's or chain's name, a rule without the position in it, a flow's table, priority and match. */
  name: z.string(),
  /** As the tools of the node print it. */
  text: z.string(),
  /**
   * - `ours`: wanted, and there.
   * - `missing`: wanted, and not there.
   * - `left-over`: there, with our mark, and not wanted.
   * - `learned`: a flow that the switch made by itself of one of ours; it ages out.
   * - `foreign`: there, without our mark.
   * - `wanted`: wanted; whether it is there was not looked at.
   */
  found: z.enum(['ours', 'missing', 'left-over', 'learned', 'foreign', 'wanted']),
  /** The event that last set it; null: none is known. 0: the node's own configuration. */
  position: Position.nullable(),
  /** `<kind>/<id>` of the object that it is there for; null: of none that is known. */
  owner: z.string().nullable(),
  /** Further objects that it serves, as the rules of a shared flow: their `<kind>/<id>`. */
  uses: z.array(z.string()),
});
export type Thing = Readonly<z.infer<typeof Thing>>;

const empty = z.strictObject({});

/** Every question by name. */
export const QUESTIONS = {
  ...LOOKS,
  things: {
    about: 'What the node has that a text names, wanted or not, ours or not.',
    params: z.strictObject({
      /** A name, address, id, rule or flow; empty: everything of ours. */
      text: z.string().max(2_000),
      /** Positions of marks that the text bears: a thing of one of them is meant before others. */
      positions: z.array(Position).max(10).default([]),
      /** Things to pass over: of everything, what came before. */
      after: z.number().int().nonnegative().default(0),
      most: z.number().int().min(1).max(500).default(100),
      /** What no look of the last moments has is looked for anew. */
      anew: z.boolean().default(true),
    }),
    answer: z.object({
      things: z.array(Thing),
      /** How many there are in all, from the first on. */
      all: z.number().int().nonnegative(),
    }),
    withinMs: 5_000,
  },
  state: {
    about: 'How the agent itself is: its view, its snapshot, the room on its disk.',
    params: empty,
    answer: z.object({
      state: Word,
      position: Position,
      /** Position of the snapshot on the disk; null: there is none. */
      snapshot: Position.nullable(),
      /** Bytes that are free where the snapshot is, for who may write there; null: it cannot be read. */
      freeBytes: z.number().nullable(),
      /** What is not well, a sentence each. */
      troubles: z.array(z.string()),
      /** Objects that could not be made. */
      failing: z.array(z.object({ key: z.string(), reason: z.string() })),
    }),
    withinMs: 2_000,
  },
} as const satisfies Readonly<Record<string, QuestionDeclaration>>;

export type QuestionName = keyof typeof QUESTIONS;
export const QUESTION_NAMES = Object.keys(QUESTIONS) as [QuestionName, ...QuestionName[]];
/** As they are given, before defaults. */
export type ParamsAsked<Q extends QuestionName> = Readonly<z.input<(typeof QUESTIONS)[Q]['params']>>;
export type ParamsOf<Q extends QuestionName> = Readonly<z.output<(typeof QUESTIONS)[Q]['params']>>;
export type AnswerOf<Q extends QuestionName> = Readonly<z.output<(typeof QUESTIONS)[Q]['answer']>>;

/** Which process of the API asks: part of the subject that is answered on. */
export const Asker = z.string().regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits');

export const Question = z.object({
  id: Id,
  asker: Asker,
  /** A QuestionName, or one of another release, which is refused. */
  question: Word,
  params: z.unknown(),
  /** How long the asker still waits, in milliseconds. */
  withinMs: z.number().int().positive().max(LONGEST_MS),
});
export type Question = Readonly<z.infer<typeof Question>>;

/**
 * Why a question is not answered: `unknown` (this agent does not answer such), `parameters`, `busy`, `late` (it took longer than there was time), `large`, `failed`. A
 * reason that the reader does not know is a refusal all the same.
 */
export const Refused = z.object({ why: Word, text: z.string().max(500) });

export const Answer = z.object({
  id: Id,
  /** Of the agent's view when it answered. */
  log: Id.nullable(),
  position: Position,
  state: Word,
  answer: z.unknown().optional(),
  refused: Refused.optional(),
});
export type Answer = Readonly<z.infer<typeof Answer>>;
