// Commands as text a person can paste into a shell. For reading and for `--dry-run` only: nothing here is ever run.

/** One argument, quoted only where a POSIX shell would need it. */
export function shellQuote(argument: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** A whole command on one logical line. */
export function shellLine(argv: readonly string[]): string {
  return argv.map(shellQuote).join(' ');
}

/**
 * A command with its input as a here-document that expands nothing. The end word is chosen so that no line of the
 * input equals it. A here-document ends in a newline: input without one gets one, which line-based tools ignore.
 */
export function shellCommand(argv: readonly string[], stdin?: string): string {
  if (stdin === undefined || stdin === '') return shellLine(argv);
  const lines = stdin.split('\n');
  let end = 'EOF';
  while (lines.includes(end)) end += '_';
  return `${shellLine(argv)} <<'${end}'\n${stdin}${stdin.endsWith('\n') ? '' : '\n'}${end}`;
}
