import { describe, expect, it } from '@jest/globals';
import { refuseBrowsers } from './browser.js';

const json = { 'content-type': 'application/json' };

describe('an API that asks nobody to log in', () => {
  it.each([
    [{ host: '127.0.0.1:9696', ...json }],
    [{ host: 'localhost:9696', ...json }],
    [{ host: '[::1]:9696', 'content-type': 'application/json; charset=utf-8' }],
    [{ host: '127.0.0.1', origin: 'http://localhost:8080', ...json }],
    [{ host: '127.0.0.1' }],
  ])('serves the clients of this machine: %p', (headers) => {
    expect(() => refuseBrowsers(headers)).not.toThrow();
  });

  it.each([
    [{ host: 'evil.example:9696' }, 'is not a name of loopback'],
    [{ host: '127.0.0.1.evil.example' }, 'is not a name of loopback'],
    [{ host: '10.0.0.1:9696' }, 'is not a name of loopback'],
    [{ host: '127.0.0.1:9696', origin: 'https://evil.example' }, 'a web page of'],
    [{ host: '127.0.0.1:9696', origin: 'https://localhost.evil.example' }, 'a web page of'],
    [{ host: '127.0.0.1:9696', origin: 'null' }, 'a web page of'],
    [{ host: '127.0.0.1', 'content-type': 'text/plain;charset=UTF-8' }, 'send application/json'],
    [{ host: '127.0.0.1', 'content-type': 'application/x-www-form-urlencoded' }, "curl: -H 'Content-Type"],
    [{ host: '127.0.0.1', 'content-type': 'Multipart/Form-Data; boundary=x' }, 'send application/json'],
  ])('refuses what a web page could send: %p', (headers, why) => {
    expect(() => refuseBrowsers(headers)).toThrow(why);
  });
});
