/**
 * Lines of documents that are too long to read in a terminal: `node tools/doc-lines.mjs`, a part of `npm run check`.
 *
 * prettier wraps prose; this also covers what prettier does not: code blocks and drawings. Exempt are tables, generated documents, and lines without a
 * blank to break at (a long link).
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAX_COLUMNS = 120;
const root = fileURLToPath(new URL('..', import.meta.url));

/** Numbers (from 1) of the lines of a Markdown text that are too long. Columns are characters, not bytes. */
export function tooLong(text) {
  if (/^Made by `npm run docs`/m.test(text)) return [];
  const isTooLong = (line) =>
    [...line].length > MAX_COLUMNS &&
    !line.startsWith('|') &&
    /\S\s+\S/.test(line.replace(/^\s*(?:[-*>]|\d+\.)\s/, ''));
  return text.split('\n').flatMap((line, index) => (isTooLong(line) ? [index + 1] : []));
}

/** `file:line` of each such line in the documents of the project. */
function findings() {
  const inside = (folder, options) =>
    readdirSync(path.join(root, folder), options).map((name) => path.join(folder, name));
  return [...inside('.'), ...inside('docs', { recursive: true })]
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => tooLong(readFileSync(path.join(root, file), 'utf8')).map((line) => `${file}:${line}`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findings();
  for (const place of found) console.error(`${place}: more than ${MAX_COLUMNS} columns`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
