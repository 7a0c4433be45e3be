import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { areCloudsFound, removeClouds, writeClouds } from './clouds.js';
import { labSpec } from './spec.js';

let projectDir: string;
const spec = (name: string) => {
  const made = labSpec({ projectDir, name, stateDir: path.join(projectDir, `state-${name}`) });
  mkdirSync(made.stateDir, { recursive: true });
  return made;
};
const logins = ['admin', 'demo'].map((name) => ({
  authUrl: 'http://127.0.0.1:9696/v3',
  userName: name,
  projectName: name,
  password: `${name}'s`,
}));
const common = () => path.join(projectDir, 'clouds.yaml');

beforeEach(() => {
  projectDir = mkdtempSync(path.join(tmpdir(), `plumb-clouds-${process.pid}-`));
});
afterEach(() => rmSync(projectDir, { recursive: true, force: true }));

describe('clouds.yaml of the labs', () => {
  test('names them all, for root alone, and goes with the last one', () => {
    const [lab, two] = [spec('lab'), spec('two')];
    writeClouds(lab, logins);
    writeClouds(two, logins);
    const text = readFileSync(common(), 'utf8');
    expect(text.match(/^ {2}\S+:$/gm)).toEqual([
      '  plumbline:',
      '  plumbline-demo:',
      '  plumbline-two:',
      '  plumbline-two-demo:',
    ]);
    expect(text.match(/^clouds:$/gm)).toHaveLength(1);
    expect(statSync(common()).mode & 0o777).toBe(0o600);
    expect([areCloudsFound(lab), areCloudsFound(two)]).toEqual([true, true]);
    removeClouds(lab);
    expect([areCloudsFound(lab), areCloudsFound(two)]).toEqual([false, true]);
    removeClouds(two);
    removeClouds(two);
    expect(existsSync(common())).toBe(false);
  });

  test('forgets a lab whose folder was deleted', () => {
    const [gone, two] = [spec('gone'), spec('two')];
    writeClouds(gone, logins);
    rmSync(gone.stateDir, { recursive: true });
    writeClouds(two, logins);
    expect(areCloudsFound(gone)).toBe(false);
    expect(readFileSync(common(), 'utf8')).not.toContain('plumbline-gone');
  });

  test('leaves one that is not ours', () => {
    writeFileSync(common(), 'clouds: {mine: {}}\n');
    const lab = spec('lab');
    writeClouds(lab, logins);
    expect(areCloudsFound(lab)).toBe(false);
    removeClouds(lab);
    expect(readFileSync(common(), 'utf8')).toBe('clouds: {mine: {}}\n');
  });
});
