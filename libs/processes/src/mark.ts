/** The variable in the environment of a process that says whose it is, and what it was started as. */
export const MARK = 'PLUMB_PROCESS';
