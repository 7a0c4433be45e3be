/**
 * `POST /plumbline/v1/nodes/<host>/questions` `{"question", "params", "agent"}`: asks a node's agents. Administrators only, as all below `/plumbline/`. Without `agent`: every
 * agent that answers such a question, each by itself.
 */
import { Body, Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { AgentKind, agentOf, agentsWhere, MachineName, QUESTION_NAMES, QUESTIONS } from '@plumbline/contracts';
import { badRequest } from '@plumbline/domain';
import type { Logger } from '@plumbline/telemetry';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { identityOf } from '../identity/gate.js';
import { parseJson } from '../json-body.js';
import { LOGGER } from '../tokens.js';
import { NodeQuestions, type Told } from './node-questions.js';

const Asked = z.strictObject({
  question: z.enum(QUESTION_NAMES),
  params: z.unknown().default({}),
  agent: AgentKind.optional(),
});

@Controller('/plumbline/v1/nodes')
export class QuestionsController {
  constructor(
    @Inject(NodeQuestions) private readonly questions: NodeQuestions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Post(':host/questions')
  @HttpCode(200)
  async ask(
    @Param('host') name: string,
    @Body() raw: Buffer | undefined,
    @Req() request: FastifyRequest,
  ): Promise<{ answers: (Told<(typeof QUESTION_NAMES)[number]> & { agent: AgentKind })[] }> {
    const host = MachineName.safeParse(name);
    if (!host.success) throw badRequest('node', `'${name}' is not a node name: ${host.error.issues[0]?.message}`);
    const parsed = Asked.safeParse(raw === undefined ? null : parseJson(raw));
    if (!parsed.success)
      throw badRequest('question', `it is {"question", "params", "agent"} (${z.prettifyError(parsed.error)})`);
    const { question, agent } = parsed.data;
    const params = QUESTIONS[question].params.safeParse(parsed.data.params);
    if (!params.success) throw badRequest('question', `its parameters: ${z.prettifyError(params.error)}`);
    const asked = agent === undefined ? agentsWhere(({ answers }) => answers.includes(question)) : [agent];
    for (const kind of asked)
      if (!agentOf(kind).answers.includes(question))
        throw badRequest('question', `the agent '${kind}' answers no question '${question}'`);
    const { userId } = identityOf(request);
    this.logger.info({ host: host.data, question, agents: asked, userId, step: 'question' }, 'a node is asked');
    const answers = asked.map(async (kind) => ({
      agent: kind,
      ...(await this.questions.ask(host.data, kind, question, params.data as never)),
    }));
    return { answers: await Promise.all(answers) };
  }
}
