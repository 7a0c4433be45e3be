export const CHECKPOINTS = Symbol('CheckpointStore');
export const OUTLET = Symbol('Outlet');
