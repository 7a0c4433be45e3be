/** A function that says which hosts may get routers now. */
export const FLEET = Symbol('Fleet');
