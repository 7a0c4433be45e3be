/**
 * Before each spec (jest.config.mjs): `process.kill` refuses what is not the id of one process.
 *
 * kill(2) takes 0 for the caller's whole process group and -1 for everything on the machine. A spec that looks for a process and finds none has a 0 at hand,
 * by `Number('')` or by a default, and would end the run that it is part of instead of failing.
 */
const kill = process.kill.bind(process);

process.kill = (pid, signal) => {
  if (!(pid > 1)) throw new RangeError(`a signal to process ${pid}: the process that was looked for was not found`);
  return kill(pid, signal);
};
