/** The OpenAPI document as one page to read: no script, nothing loaded from anywhere, so that it works on a machine without the internet. */
import { createHash } from 'node:crypto';
import type { OpenApi } from './openapi.js';
import type { Json } from './openapi-parts.js';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}
nav a{margin-right:1em}h2{border-bottom:2px solid #999;margin-top:2.5em}summary{cursor:pointer;padding:.3em 0}
code,.m{font-family:ui-monospace,monospace}.m{display:inline-block;min-width:4.5em;font-weight:bold}
table{border-collapse:collapse;width:100%;margin:.4em 0 1em}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8ab4f8}td,th{border-color:#444}}`;

/** Of the page's answer: nothing but its own style may act on it. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (value: unknown): string => String(value).replace(/[&<>"']/g, (each) => ENTITIES[each] as string);
const code = (value: unknown): string => `<code>${escape(value)}</code>`;

type Member = Readonly<{ name: string; schema: Json; about: string; note: string }>;

class Page {
  constructor(private readonly document: OpenApi) {}

  html(): string {
    const { info, tags } = this.document;
    const names = tags.map(({ name }) => name);
    return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(info['title'])}</title><style>${STYLE}</style></head><body><h1>${escape(info['title'])}</h1>
<p>${escape(info['description'])} As data: <a href="openapi.json">openapi.json</a>.</p>
<nav>${names.map((name) => `<a href="#${escape(name)}">${escape(name)}</a>`).join(' ')}</nav>
${tags.map(({ name, description }) => this.section(name, description ?? '')).join('\n')}
</body></html>`;
  }

  private section(tag: string, about: string): string {
    const operations = Object.entries(this.document.paths).flatMap(([path, item]) =>
      ['get', 'post', 'put', 'delete'].flatMap((method) => {
        const operation = item[method] as Json | undefined;
        if (!(operation?.['tags'] as string[] | undefined)?.includes(tag)) return [];
        return [this.operation(method, path, operation as Json, (item['parameters'] ?? []) as Json[])];
      }),
    );
    return `<section><h2 id="${escape(tag)}">${escape(tag)}</h2><p>${escape(about)}</p>${operations.join('\n')}</section>`;
  }

  private operation(method: string, path: string, operation: Json, shared: readonly Json[]): string {
    const parameters = [...shared, ...((operation['parameters'] ?? []) as Json[])].map((each) => ({
      name: String(each['name']),
      schema: each['schema'] as Json,
      about: String(each['description'] ?? ''),
      note: `in ${String(each['in'])}`,
    }));
    const responses = Object.entries(operation['responses'] as Record<string, Json>);
    const answer = responses.find(([status]) => status.startsWith('2'))?.[1];
    return `<details><summary><span class="m">${method.toUpperCase()}</span> ${code(path)} ${escape(operation['summary'])}</summary>
${this.table('Parameters', parameters)}${this.body('Body', operation['requestBody'] as Json | undefined)}${this.body('Answer', answer)}
<p>Status: ${responses.map(([status, response]) => `${code(status)} ${escape(this.resolved(response)['description'])}`).join('<br>')}</p></details>`;
  }

  private body(title: string, content: Json | undefined): string {
    const schema = (content?.['content'] as Record<string, { schema: Json }> | undefined)?.['application/json']?.schema;
    if (!schema) return '';
    const first = ((schema['oneOf'] as Json[] | undefined) ?? [schema])[0] as Json;
    const wrapped = Object.entries((first['properties'] ?? {}) as Record<string, Json>);
    return wrapped
      .map(([name, member]) => {
        const inner = this.resolved((member['items'] as Json | undefined) ?? member);
        return inner['properties']
          ? this.table(`${title}: ${name}`, this.members(inner))
          : this.table(title, [{ name, schema: member, about: String(member['description'] ?? ''), note: '' }]);
      })
      .join('');
  }

  private members(schema: Json): Member[] {
    const required = (schema['required'] ?? []) as string[];
    return Object.entries(schema['properties'] as Record<string, Json>).map(([name, member]) => ({
      name,
      schema: member,
      about: String(member['description'] ?? ''),
      note: [
        ...(required.includes(name) ? ['required'] : []),
        ...('default' in member ? [`default ${JSON.stringify(member['default'])}`] : []),
      ].join(', '),
    }));
  }

  private table(title: string, members: readonly Member[]): string {
    if (members.length === 0) return '';
    const rows = members.map(
      ({ name, schema, about, note }) =>
        `<tr><td>${code(name)}</td><td>${escape(typeText(this.resolved(schema)))}</td><td>${escape(note)}</td><td>${escape(about)}</td></tr>`,
    );
    return `<table><tr><th>${escape(title)}</th><th>type</th><th></th><th></th></tr>${rows.join('')}</table>`;
  }

  private resolved(value: Json): Json {
    const path = value['$ref'];
    if (typeof path !== 'string') return value;
    return path
      .split('/')
      .slice(1)
      .reduce<unknown>((at, key) => (at as Json)[key], this.document) as Json;
  }
}

/** A schema in a few words. */
export function typeText(schema: Json): string {
  const choices = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (choices) return [...new Set(choices.map(typeText))].join(' or ');
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(', ');
  if (schema['type'] === 'array') return `list of ${typeText((schema['items'] ?? {}) as Json)}`;
  if (schema['type'] === 'object' && schema['properties']) return `{${Object.keys(schema['properties']).join(', ')}}`;
  return String(schema['format'] ?? [schema['type'] ?? 'any'].flat().join(' or '));
}

/** The whole page. */
export const openApiPage = (document: OpenApi): string => new Page(document).html();
