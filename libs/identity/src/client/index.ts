/** The client half of a login alone: a program that only needs a token loads neither the users file nor the hashing of passwords. */
export * from './log-in.js';
