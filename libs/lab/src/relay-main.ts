/**
 * Carries TCP between two ends: `relay-main.js <folder> <listen> <dial>`, each end `host:port` or the name of a unix socket in the folder.
 *
 * The folder is entered first, so that the socket's path is short whatever the folder's (108 characters is the kernel's limit).
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts } from 'node:net';

const [folder, listen, dial] = process.argv.slice(2);
if (folder === undefined || listen === undefined || dial === undefined) {
  throw new Error('usage: relay-main.js <folder> <listen> <dial>');
}

process.chdir(folder);
const end = (text: string): NetConnectOpts => {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? [];
  return host === undefined || port === undefined ? { path: text } : { host, port: Number(port) };
};
const listening = end(listen);
if ('path' in listening) rmSync(listening.path, { force: true });

createServer((client) => {
  const server = connect(end(dial));
  client.pipe(server);
  server.pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}).listen(listening);
