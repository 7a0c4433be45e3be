/** What is declared of a question to nodes (questions.ts). */
import type { z } from 'zod';

export type QuestionDeclaration = Readonly<{
  /** What is asked, in one sentence for operators. */
  about: string;
  /** Strict: a parameter that is not here is refused. Texts are bounded, and what becomes part of a command is parsed into a type. */
  params: z.ZodType;
  answer: z.ZodType;
  /** Time that the agent has, in milliseconds. */
  withinMs: number;
}>;
