/** Traces for the Networking API, which serves them to members too. Global for that. */
import { Global, Module } from '@nestjs/common';
import type { EventStore } from '@plumbline/event-store';
import { Follower } from '@plumbline/ledger';
import type pg from 'pg';
import { LOOKUP_POOL } from '../core.module.js';
import { NodeQuestions } from '../questions/node-questions.js';
import { EVENT_STORE } from '../tokens.js';
import { Traces } from './traces.js';

@Global()
@Module({
  providers: [
    {
      provide: Traces,
      inject: [Follower, NodeQuestions, LOOKUP_POOL, EVENT_STORE],
      useFactory: (follower: Follower, questions: NodeQuestions, pool: pg.Pool, store: EventStore) =>
        new Traces(follower, questions, pool, store),
    },
  ],
  exports: [Traces],
})
export class TraceModule {}
