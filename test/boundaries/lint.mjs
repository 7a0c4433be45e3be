/** Lints text as if it stood in a file: one JSON list `[file, text]` a line in, one JSON list of messages a line out. One process, since starting eslint takes seconds. */
import { createInterface } from 'node:readline';
import { ESLint } from 'eslint';

const eslint = new ESLint();
for await (const line of createInterface({ input: process.stdin })) {
  const [filePath, text] = JSON.parse(line);
  const [result] = await eslint.lintText(text, { filePath });
  console.log(JSON.stringify(result.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`)));
}
