/** Doctor for the Networking API, which serves it to members too. Global for that. */
import { Global, Module } from '@nestjs/common';
import type { EventStore } from '@plumbline/event-store';
import { Follower } from '@plumbline/ledger';
import type pg from 'pg';
import { LOOKUP_POOL } from '../core.module.js';
import type { Outlet } from '../feed/publisher.js';
import { OUTLET } from '../feed/tokens.js';
import { NodeQuestions } from '../questions/node-questions.js';
import { EVENT_STORE } from '../tokens.js';
import { Doctor } from './doctor.js';

@Global()
@Module({
  providers: [
    {
      provide: Doctor,
      inject: [Follower, NodeQuestions, LOOKUP_POOL, OUTLET, EVENT_STORE],
      useFactory: (follower: Follower, questions: NodeQuestions, pool: pg.Pool, outlet: Outlet, store: EventStore) =>
        new Doctor(follower, questions, pool, outlet, store),
    },
  ],
  exports: [Doctor],
})
export class DoctorModule {}
