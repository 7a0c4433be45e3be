// Writes docs/reference/events.md, subjects.md, agents.md and questions.md from libs/contracts (settings of agents: libs/node-agents), and networking-api.md from the API's declarations (built: `npm run build`). `--check` writes nothing and fails when a file is not up to date.
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { z } from 'zod';
import * as contracts from '@plumbline/contracts';
import { NODE_AGENTS } from '@plumbline/node-agents';
import { CHECKS } from '@plumbline/reasons';
import * as topology from '@plumbline/topology';
import { networkingApiDoc } from '../apps/api/out-tsc/neutron/description/compat-doc.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const note = 'Made by `npm run docs` from `libs/contracts`; edits here are lost.';

function typeOf(schema) {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' or ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object' && schema.properties)
    return `{${Object.keys(schema.properties)
      .map((name) => (schema.required?.includes(name) ? name : `${name}?`))
      .join(', ')}}`;
  if (schema.type === 'object') return 'map';
  return schema.format ?? [schema.type ?? 'any'].flat().join(' or ');
}

function events() {
  const blocks = Object.entries(contracts.EVENTS).map(([type, schema]) => {
    const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const data = json.properties.data;
    const sample = JSON.parse(readFileSync(`${root}libs/contracts/samples/${type}.v1.json`, 'utf8'));
    const event = sample.event ?? sample;
    const rows = Object.entries(data.properties).map(
      ([name, field]) =>
        `| \`${name}\` | ${typeOf(field).replaceAll('|', '\\|')} | ${data.required?.includes(name) ? 'yes' : 'no'} |`,
    );
    const { kind } = contracts.subjectOf(event);
    const stream = topology.streamOf(event).replace(/-.*/s, '-<id>');
    return [
      `## ${type}, version 1`,
      '',
      `Changes one ${kind}; written to stream \`${stream}\`.`,
      '',
      '| field | type | always |',
      '|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return `# Events\n\n${note} What each means for the state is \`libs/topology/src/evolve.ts\`. Stored samples: \`libs/contracts/samples\`.\n\n${blocks.join('\n')}`;
}

function subjects() {
  const { subjects: all } = contracts;
  const rows = [
    [all.feed('<host>'), 'API', 'agents of the host', '`FeedMessage`, `FeedSlice` or `FeedRefusal`'],
    [all.beacon('<host>'), 'API', 'agents of the host', '`Beacon`, every half second'],
    [all.replay('<host>', '<agent>'), 'agent', 'API', '`ReplayRequest`'],
    [all.report('<host>', '<agent>'), 'agent', 'API', '`Report`, after each change and every 5 s'],
    [all.instanceAsk('<host>'), 'network node', 'API', '`InstanceAsk`'],
    [all.instances('<host>'), 'API', 'network node', '`InstanceAnswer`, `InstanceSlice` or `InstancesChanged`'],
    [all.question('<host>', '<agent>'), 'API', 'agent', '`Question`'],
    [all.answer('<host>', '<agent>', '<asker>'), 'agent', 'the process of the API that asked', '`Answer`'],
  ].map((row) => `| \`${row[0]}\` | ${row.slice(1).join(' | ')} |`);
  return `# NATS subjects\n\n${note} \`<agent>\` is ${contracts.AGENT_KINDS.map((kind) => `\`${kind}\``).join(' or ')}. \`<host>\` is the host's name with \`:\` for each dot and \`::3a\` for each colon: the subjects of \`cmp3.example.org\` end in \`cmp3:example:org\`. Bodies: \`libs/contracts/src/messages.ts\`; of instances: \`libs/contracts/src/instances.ts\`; questions and answers: \`libs/contracts/src/questions.ts\`.\n\n| subject | published by | heard by | body |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function agents() {
  const said = { decides: 'its report is the status', kept: 'kept beside' };
  const blocks = contracts.AGENT_KINDS.map((kind) => {
    const agent = contracts.agentOf(kind);
    const reports = Object.entries(agent.reports).map(([object, rule]) => `${object} (${said[rule]})`);
    const rows = {
      'Agent type': agent.type,
      'Binary, unit': `\`${agent.binary}\`, \`packaging/systemd/${agent.binary}.service\``,
      Program: `\`apps/${agent.app}\``,
      'Runs on':
        (agent.runsOn === 'every-node' ? 'every node' : 'network nodes') +
        (agent.byDefault ? '' : ', where an operator starts it'),
      Capabilities: agent.capabilities.map((each) => `\`CAP_${each.toUpperCase()}\``).join(', '),
      Health: `\`http://127.0.0.1:${agent.healthPort}/health\` on its node`,
      Reports: reports.join(', ') || 'no objects',
      'Is given': agent.carries === null ? 'nothing' : `objects of kind ${agent.carries}, by the API's scheduler`,
      'Questions it answers': agent.answers.map((each) => `\`${each}\``).join(', '),
      Settings:
        Object.keys(NODE_AGENTS[kind].settings)
          .map((name) => `\`${name}\``)
          .join(', ') || 'none of its own',
    };
    const table = Object.entries(rows).map(([name, value]) => `| ${name} | ${value} |`);
    return [`## ${kind}`, '', agent.about, '', '| | |', '|---|---|', ...table, ''].join('\n');
  });
  return `# Agents\n\n${note} Settings: \`libs/node-agents\`. Every agent also reads what \`packaging/env/node.env\` shows. How to add one: [add-an-agent](../how-to/add-an-agent.md).\n\n${blocks.join('\n')}`;
}

function questions() {
  const blocks = Object.entries(contracts.QUESTIONS).map(([name, { about, params, answer, withinMs }]) => {
    const asked = z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' });
    const told = z.toJSONSchema(answer, { io: 'output', unrepresentable: 'any' });
    const list = ({ properties = {} }) =>
      Object.entries(properties)
        .map(([field, schema]) => `\`${field}\` (${typeOf(schema).replaceAll('|', '\\|')})`)
        .join(', ') || 'none';
    const by = contracts.AGENT_KINDS.filter((kind) => contracts.agentOf(kind).answers.includes(name));
    const rows = [
      ['Answered by', by.map((kind) => `\`${kind}\``).join(', ')],
      ['Parameters', list(asked)],
      ['Answer', list(told)],
      ['Within', `${withinMs} ms`],
    ].map((row) => `| ${row.join(' | ')} |`);
    return [`## ${name}`, '', about, '', '| | |', '|---|---|', ...rows, ''].join('\n');
  });
  return `# Questions to nodes\n\n${note} Administrators ask them by \`POST /plumbline/v1/nodes/<host>/questions\` with \`{"question", "params", "agent"}\`; an answer has at most ${contracts.MOST_ANSWER_BYTES} bytes. How to add one: [add-a-question](../how-to/add-a-question.md).\n\n${blocks.join('\n')}`;
}

/** The table of checks, and a line for each that `plumb doctor` names. */
function doctor() {
  const about = { project: 'its project', cloud: 'an administrator' };
  const kinds = { floatingip: 'floating IP', agent: 'agent', placement: 'network on a node', tunnel: 'two nodes' };
  const cell = (text) => text.replaceAll('|', '\\|');
  const rows = CHECKS.map(
    ({ id, of, needs, finds }, at) =>
      `| ${at + 1} | [\`${id}\`](#${id}) | ${kinds[of] ?? of} | ${needs.join(', ')} | ${cell(finds)} |`,
  );
  const blocks = CHECKS.map(({ id, finds, mends, whose, when }) =>
    [
      `## ${id}`,
      '',
      finds,
      '',
      `- Mended by ${about[whose]}: ${mends}`,
      ...(when ? [`- Looked at when asked about: ${when.join(', ')}`] : []),
      '',
    ].join('\n'),
  );
  return `# Doctor\n\nMade by \`npm run docs\` from the checks of \`libs/reasons/src/doctor\`; edits here are lost. \`plumb doctor [floating-ip A | port P | network N | node H]\` runs them in this order; the first that finds something is the cause to mend first. Needs: \`log\`, what agents report, and looks at nodes ([questions](questions.md)). What it is for and how it works: [doctor](../design/doctor.md).\n\n| | check | about | needs | finds |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n## api\n\nThe API does not answer, so nothing else can be known: the command itself says so.\n\n- Mended by an administrator: \`systemctl start plumb-api\` on the controller, or the way to it\n\n${blocks.join('\n')}`;
}

let stale = 0;
for (const [name, text] of Object.entries({
  events: events(),
  subjects: subjects(),
  agents: agents(),
  questions: questions(),
  doctor: doctor(),
  'networking-api': networkingApiDoc(),
})) {
  const file = `${root}docs/reference/${name}.md`;
  const wanted = await format(text, { parser: 'markdown', printWidth: 120 });
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue;
  if (process.argv.includes('--check')) {
    console.error(`docs/reference/${name}.md is not up to date: run "npm run docs"`);
    stale += 1;
  } else writeFileSync(file, wanted);
}
process.exitCode = stale > 0 ? 1 : 0;
