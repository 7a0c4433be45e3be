/** What makes two processes, or two files, the same. Equal text means the same; a digest so that it fits into a mark. */
import { createHash } from 'node:crypto';
import type { ProcessIdentity, WantedFile, WantedProcess } from './types.js';

const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

/** Of content and permission bits. */
export const fileDigest = ({ content, mode }: Pick<WantedFile, 'content' | 'mode'>): string => digest([content, mode]);

const allFiles = ({ files }: WantedProcess): unknown =>
  [...files].sort((a, b) => (a.name < b.name ? -1 : 1)).map((file) => [file.name, fileDigest(file)]);

/** Of all that a running process cannot be told: when it differs, the process is started anew. */
export const startDigest = (wanted: WantedProcess): string =>
  digest([wanted.netns, wanted.argv, wanted.reload === 'restart' ? allFiles(wanted) : null]);

/** Of all that a process is given. */
export const wholeDigest = (wanted: WantedProcess): string => digest([wanted.netns, wanted.argv, allFiles(wanted)]);

/** Of its files alone. */
export const filesDigest = (wanted: WantedProcess): string => digest(allFiles(wanted));

/** Of a running process and the files that it has read. */
export const loadedMark = ({ pid, startTime }: ProcessIdentity, wanted: WantedProcess): string =>
  `${pid} ${startTime} ${filesDigest(wanted)}`;
