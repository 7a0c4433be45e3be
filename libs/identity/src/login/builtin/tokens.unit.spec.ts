import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Claims, signToken, verifyToken } from './tokens.js';

const key = randomBytes(32);
const NOW = 1_800_000_000_000;
const claims: Claims = {
  user: 'u1',
  project: 'p1',
  atMost: null,
  methods: ['password'],
  auditIds: ['a1'],
  issuedAt: NOW,
  provenAt: NOW,
  expiresAt: NOW + 1000,
  credential: null,
};

describe('a token', () => {
  it('says what was signed, until its time is over', () => {
    const token = signToken(claims, key);
    expect(verifyToken(token, key, NOW + 999)).toEqual(claims);
    expect(verifyToken(token, key, NOW + 1000)).toBeUndefined();
    expect(token).toMatch(/^[\x21-\x7e]+$/);
  });

  it('of another key is as invalid as one without a signature', () => {
    const [prefix, body] = signToken(claims, key).split('.');
    expect(verifyToken(signToken(claims, randomBytes(32)), key, NOW)).toBeUndefined();
    expect(verifyToken(`${prefix}.${body}.`, key, NOW)).toBeUndefined();
    expect(verifyToken(`${prefix}.${body}`, key, NOW)).toBeUndefined();
  });

  it('has no algorithm to choose: a JWT is nothing, with "none" or with our own key', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    expect(verifyToken(`${part({ alg: 'none' })}.${part(claims)}.`, key, NOW)).toBeUndefined();
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
    const mac = createHmac('sha256', key).update(signed).digest('base64url');
    expect(verifyToken(`${signed}.${mac}`, key, NOW)).toBeUndefined();
  });

  it('changed in any place is nothing', () => {
    const token = signToken(claims, key);
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.integer({ min: 33, max: 126 }), (at, code) => {
        const other = token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1);
        const found = verifyToken(other, key, NOW);
        expect(found === undefined || other === token).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('from any text is never an error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(verifyToken(text, key, NOW)).toBeUndefined();
        expect(verifyToken(`plumb1.${text}`, key, NOW)).toBeUndefined();
      }),
    );
  });
});
