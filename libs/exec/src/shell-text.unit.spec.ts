import { describe, expect, it } from '@jest/globals';
import { shellCommand, shellLine, shellQuote } from './shell-text.js';

describe('commands as shell text', () => {
  it('quotes only what needs it', () => {
    expect(shellLine(['ip', '-n', 'qrouter-1', 'addr'])).toBe('ip -n qrouter-1 addr');
    expect(shellQuote("it's $(x)")).toBe(`'it'\\''s $(x)'`);
    expect(shellQuote('')).toBe(`''`);
  });

  it('puts input in a here-document whose end word is not in it', () => {
    expect(shellCommand(['cat'], 'a\nEOF\n')).toBe("cat <<'EOF_'\na\nEOF\nEOF_");
    expect(shellCommand(['cat'], 'no newline')).toBe("cat <<'EOF'\nno newline\nEOF");
    expect(shellCommand(['cat'])).toBe('cat');
  });
});
