import { MigrationInterface, QueryRunner } from 'typeorm';
import { readTable, shortPendingLists } from '../sql/tables.js';

/** Objects that ask hosts to log what security groups do. */
export class PacketLogs1765000000013 implements MigrationInterface {
  readonly name = 'PacketLogs1765000000013';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readTable('packetlog', 'packet_logs'));
    await runner.query(shortPendingLists);
  }
  async down(): Promise<void> {
    throw new Error('The log is never taken down by a migration. Drop the database yourself if you mean it.');
  }
}
