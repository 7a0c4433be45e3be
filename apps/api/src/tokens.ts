/** What the application gives to its modules. */
export const EVENT_STORE = Symbol('EventStore');
export const LOGGER = Symbol('Logger');
