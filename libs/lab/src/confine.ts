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

/**
 * What an agent and its children keep of root: namespaces and mounts (SYS_ADMIN: ip netns), the network, raw sockets (arping); and for programs that become
 * another user (radvd): to find them, to signal them, to become one.
 */
export const asAgent: readonly string[] = [
  'setpriv',
  '--no-new-privs',
  '--inh-caps=-all',
  '--bounding-set=-all,+net_admin,+sys_admin,+net_raw,+sys_ptrace,+kill,+setuid,+setgid',
  '--',
];
