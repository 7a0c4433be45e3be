/** What the application gives to the modules of this folder and its neighbours. */
export const EVENT_STORE = Symbol('EventStore');
export const LOGGER = Symbol('Logger');
