/** setpriv(1) prefixes that take rights away from a process before it starts. */

/** An unprivileged user, no capabilities, and no way to get one. */
export const asNobody: readonly string[] = [
  'setpriv',
  '--reuid=nobody',
  '--regid=nogroup',
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all',
  '--bounding-set=-all',
  '--',
];

/** What an agent and its children keep of root. */
export const asAgent = (capabilities: readonly string[]): readonly string[] => [
  'setpriv',
  '--no-new-privs',
  '--inh-caps=-all',
  `--bounding-set=-all,${capabilities.map((each) => `+${each}`).join()}`,
  '--',
];
