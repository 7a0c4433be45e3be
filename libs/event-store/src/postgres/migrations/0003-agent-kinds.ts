import { MigrationInterface, QueryRunner } from 'typeorm';
import { anyAgentKind } from '../sql/tables.js';

/** The database no longer lists the kinds of agents. */
export class AgentKinds1764300000003 implements MigrationInterface {
  readonly name = 'AgentKinds1764300000003';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(anyAgentKind);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
