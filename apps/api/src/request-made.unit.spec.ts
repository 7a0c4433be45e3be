import { describe, expect, it } from '@jest/globals';
import { MOST_REQUEST_BODY } from '@plumbline/contracts';
import { requestMade } from './request-made.js';

const made = (body: unknown, url = '/v2.0/networks') => requestMade('POST', url, Buffer.from(JSON.stringify(body)));

describe('what is kept of a request', () => {
  it('is its method, its path without the query, and its body', () => {
    expect(made({ network: { name: 'a' } }, '/v2.0/networks?x=1')).toEqual({
      ...{ method: 'POST', path: '/v2.0/networks', body: '{"network":{"name":"a"}}' },
    });
    expect(requestMade('DELETE', '/v2.0/networks/x', undefined)).toEqual({
      method: 'DELETE',
      path: '/v2.0/networks/x',
    });
    expect(requestMade('GET', '/v2.0/networks', undefined)).toBeNull();
  });

  it('has no secrets, wherever they are in it', () => {
    const text = made({
      port: { 'binding:profile': { admin_password: 'x1', inner: [{ AuthToken: 'x2' }] }, user_data: 'x3' },
    });
    expect(text?.body).not.toMatch(/x[123]/);
    expect(text?.body).toContain('"admin_password":"***"');
  });

  it('is bounded, and text that can be stored, whatever was sent', () => {
    expect(made({ a: 'x'.repeat(10_000) })?.body).toHaveLength(MOST_REQUEST_BODY);
    expect(made({ a: 'x'.repeat(100_000) })?.body).toMatch(/^\(\d+ bytes\)$/);
    for (let lead = 0; lead < 4; lead += 1) {
      const { body = '' } = made(`${'x'.repeat(MOST_REQUEST_BODY - 4 + lead)}${'😀'.repeat(9)}`) ?? {};
      expect(Buffer.from(body).toString()).toBe(body);
    }
    expect(requestMade('POST', '/', Buffer.from('{no json'))).toEqual({ method: 'POST', path: '/' });
    expect(made({ a: 1 }, `/${'x'.repeat(9_000)}`)?.path).toHaveLength(500);
  });
});
