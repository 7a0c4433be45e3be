import { describe, expect, it } from '@jest/globals';
import { happened } from './commands.js';
import { eventStoreContract } from './contract.js';
import { InMemoryEventStore } from './in-memory-event-store.js';

eventStoreContract('InMemoryEventStore', async () => new InMemoryEventStore());

describe('InMemoryEventStore', () => {
  it('fails the next append when told to, once, storing nothing', async () => {
    const store = new InMemoryEventStore();
    store.failNext(new Error('as told'));
    await expect(store.append(happened('port-a', 0))).rejects.toThrow('as told');
    expect(await store.append(happened('port-a', 0))).toMatchObject({ ok: true, before: 0 });
  });
});
