import { expect, it } from '@jest/globals';
import { type Claim, judge, type Standing } from './ownership.js';

const standing: Standing = { machine: 'm1', contested: false, run: 'r2', term: 7, past: ['r1'] };
const claim: Claim = { machine: 'm1', run: 'r2', heard: 0 };

it.each<[string, Standing | null, Claim | null, string]>([
  ['the first machine owns', null, claim, 'new-owner'],
  ['its run goes on', standing, claim, 'owner'],
  ['its next run owns at once, also after a reboot', standing, { ...claim, run: 'r3', heard: 7 }, 'new-owner'],
  ['a kind of agent that was not heard yet begins', { ...standing, run: null, past: [] }, claim, 'new-owner'],
  ['a late message of a run that ended is dropped', standing, { ...claim, run: 'r1', heard: 6 }, 'late'],
  ['a run that knows its follower is a second machine', standing, { ...claim, run: 'r1', heard: 7 }, 'contest'],
  ['nobody owns what is contested', { ...standing, contested: true }, claim, 'refused'],
  ['nor does a further run', { ...standing, contested: true }, { ...claim, run: 'r3' }, 'refused'],
  ['another machine is refused', standing, { ...claim, machine: 'm2' }, 'refused'],
  ['a machine without an identity is refused', standing, { ...claim, machine: null }, 'refused'],
  ['also where nobody owns', null, { ...claim, machine: null }, 'refused'],
  ['an older agent is heard where nobody owns', null, null, 'owner'],
  ['and refused where somebody does', standing, null, 'refused'],
])('%s', (_what, now, said, is) => {
  expect(judge(now, said).is).toBe(is);
});
