/** The client half of a login alone: a program that only needs a token loads neither the users file nor the hashing of passwords. */
export * from './http-request.js';
export * from './log-in.js';
