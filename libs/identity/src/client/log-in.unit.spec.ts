import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { loginFromFile } from './log-in.js';

it('a login is read from a file as clients have it, values as they stand or in quotes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plumb-login-'));
  const file = join(folder, 'openrc');
  try {
    writeFileSync(
      file,
      `# of a cloud
export OS_AUTH_URL=http://keystone:5000/v3
  OS_USERNAME=neutron
export OS_PASSWORD='a "b" $c\\'
OS_PROJECT_NAME="the service"
OS_USER_DOMAIN_NAME=Default
OS_PROJECT_DOMAIN_ID=default
unset OS_TOKEN
`,
    );
    expect(loginFromFile(file)).toEqual({
      authUrl: 'http://keystone:5000/v3',
      userName: 'neutron',
      password: 'a "b" $c\\',
      projectName: 'the service',
      userDomainName: 'Default',
      userDomain: undefined,
      projectDomainName: undefined,
      projectDomain: 'default',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
