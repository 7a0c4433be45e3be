/**
 * The environment commands get: the process's own, messages in English (we read them), and the directories of system
 * tools, which an unprivileged shell's PATH lacks on Debian.
 */
export function commandEnvironment(): Record<string, string> {
  const own = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const path = (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  const system = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const all = [...path, ...system.filter((directory) => !path.includes(directory))];
  return { ...Object.fromEntries(own), PATH: all.join(':'), LC_ALL: 'C' };
}
