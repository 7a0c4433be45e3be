/**
 * The page at /docs: Swagger UI, served from here with all that it loads, so that it works on a machine without the internet. It shows /openapi.json and lets people
 * log in and try a request; what it does in the browser is assets/docs/docs.js.
 *
 * Road not taken: a static-file plugin. There are five files, and none is found by a path that a client sends.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { resolve } = createRequire(import.meta.url);
/** By the name of its package: this file may be a part of a program that was bundled elsewhere. */
const own = (name: string): string => resolve(`@plumbline/api/assets/docs/${name}`);
const swaggerDir = dirname(resolve('swagger-ui-dist/package.json'));
const swagger = (name: string): string => join(swaggerDir, name);
const HTML = 'text/html; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

export type DocsFile = Readonly<{ file: string; type: string }>;
/** The page and what it loads, by path. Read at each request: nobody opens the page often, and the process need not keep two megabytes for it. */
export const DOCS: ReadonlyMap<string, DocsFile> = new Map([
  ['/docs', { file: own('index.html'), type: HTML }],
  ['/docs/docs.css', { file: own('docs.css'), type: CSS }],
  ['/docs/docs.js', { file: own('docs.js'), type: SCRIPT }],
  ['/docs/swagger-ui.css', { file: swagger('swagger-ui.css'), type: CSS }],
  ['/docs/swagger-ui-bundle.js', { file: swagger('swagger-ui-bundle.js'), type: SCRIPT }],
]);

/** Of every answer: only what this server serves may act on the page, and no other page may show it. `data:` images are Swagger UI's own icons. */
export const DOCS_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};
