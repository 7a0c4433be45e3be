/** Where the built-in identity (Identity v3) answers: under /v3, and under /identity as other clouds have it. */
export const IDENTITY_ROUTES = ['/v3', '/v3/*', '/identity', '/identity/*'];

/** Whether a request is for the built-in identity, and its errors are to be in Keystone's form. */
export const isIdentityPath = (url: string): boolean => /^\/(v3|identity)([/?]|$)/.test(url);
