/** The check of line lengths in documents (a tool in plain JavaScript). */
import { expect, test } from '@jest/globals';
import { tooLong } from '../../tools/doc-lines.mjs';

const word = 'word ';
const long = word.repeat(30);

test('finds long prose, lists, quotes, drawings and code', () => {
  expect(tooLong(`${long}\nshort\n- ${long}\n> ${long}\n\`\`\`\n  ${long}\n\`\`\``)).toEqual([1, 3, 4, 6]);
});

test('counts characters, not bytes', () => {
  expect(tooLong(`${'─'.repeat(118)} a`)).toEqual([]);
  expect(tooLong(`${'─'.repeat(119)} a`)).toEqual([1]);
});

test('leaves alone what cannot be broken: tables, long links, generated documents', () => {
  expect(tooLong(`| ${long}|\n| ${long}|`)).toEqual([]);
  expect(tooLong(`- https://example.net/${'a'.repeat(120)}`)).toEqual([]);
  expect(tooLong(`# Title\n\nMade by \`npm run docs\` from the declarations.\n\n${long}`)).toEqual([]);
});
