export { AgentModule, AgentService, runAgent, type AgentDefinition, type AgentBackend } from './agent.js';
export { BadAgentConfig, readAgentConfig, type AgentConfig, type SettingsShape } from './agent-config.js';
export { feedController, NatsFeed } from './nats-feed.js';
export type { InstanceAsks } from './nats-instances.js';
export { NatsQuestions, questionsController } from './nats-questions.js';
