/**
 * clouds.yaml in the clone's folder, where every OpenStack client finds it: one for all labs of the clone, made from one file for each lab. A clouds.yaml that
 * the user wrote is left alone; then OS_CLIENT_CONFIG_FILE has to name the lab's own file.
 *
 *     .plumb/clouds/<lab>.yaml    clouds of one lab; its first line names the lab's state folder
 *     clouds.yaml                 all of them; ignored by git; gone with the last lab
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { cloudsYaml } from '@plumbline/identity';
import type { Login } from '@plumbline/identity';
import { readText, removeEmptyFolder, removeFile, writeWhole } from './files.js';
import type { LabSpec } from './spec.js';

const MARK = '# Written by "plumb lab", gone with "plumb lab down". A clouds.yaml of your own here is left alone.';
const CLOUDS = 'clouds:\n';

const folderOf = (spec: LabSpec): string => path.join(spec.projectDir, '.plumb', 'clouds');
/** The clouds of this lab alone. */
export const ownCloudsFile = (spec: LabSpec): string => path.join(folderOf(spec), `${spec.name}.yaml`);
const commonFile = (spec: LabSpec): string => path.join(spec.projectDir, 'clouds.yaml');

/** The cloud of this user: the first user's is the lab's own, `plumbline`. */
export function cloudName(spec: LabSpec, userName: string): string {
  return ['plumbline', ...(spec.name === 'lab' ? [] : [spec.name]), ...(userName === 'admin' ? [] : [userName])].join(
    '-',
  );
}

/** Whether clients that are started in the clone's folder find this lab's clouds by themselves. */
export const areCloudsFound = (spec: LabSpec): boolean =>
  readText(commonFile(spec))?.includes(`\n  ${cloudName(spec, 'admin')}:\n`) === true && isOurs(spec);

export function writeClouds(spec: LabSpec, logins: readonly Login[]): void {
  const clouds = logins.map((login) => ({ ...login, name: cloudName(spec, login.userName) }));
  writeWhole(ownCloudsFile(spec), `# ${spec.stateDir}\n${cloudsYaml(clouds)}`);
  gather(spec);
}

/** Repeatable. */
export function removeClouds(spec: LabSpec): void {
  removeFile(ownCloudsFile(spec));
  gather(spec);
  removeEmptyFolder(folderOf(spec));
}

const isOurs = (spec: LabSpec): boolean => readText(commonFile(spec))?.startsWith(MARK) === true;

/** Two labs may write at the same time: each reads again after writing, so the last writer has seen all labs. */
function gather(spec: LabSpec): void {
  if (existsSync(commonFile(spec)) && !isOurs(spec)) return;
  for (let written: string | null = null; ;) {
    const text = gathered(spec);
    if (text === written) return;
    if (text === '') removeFile(commonFile(spec));
    else writeWhole(commonFile(spec), text);
    written = text;
  }
}

function gathered(spec: LabSpec): string {
  const folder = folderOf(spec);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.yaml')) : [];
  const parts = files.sort().flatMap((name) => {
    const text = readText(path.join(folder, name)) ?? '';
    const stateDir = /^# (.*)\n/.exec(text)?.[1];
    if (stateDir !== undefined && existsSync(stateDir)) return [text.slice(text.indexOf(CLOUDS) + CLOUDS.length)];
    // A lab whose state folder was deleted under it.
    removeFile(path.join(folder, name));
    return [];
  });
  return parts.length === 0 ? '' : `${MARK}\n${CLOUDS}${parts.join('')}`;
}
