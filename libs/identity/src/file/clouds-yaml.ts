/** Writes clouds.yaml, which every OpenStack client reads. */

export type Cloud = Readonly<{
  name: string;
  /** `http://host:port/v3`. */
  authUrl: string;
  userName: string;
  projectName: string;
  /** Undefined: not written; the client asks the user. */
  password: string | undefined;
}>;

export const REGION = 'RegionOne';
export const DOMAIN = { id: 'default', name: 'Default' } as const;

/** The file's text. JSON strings are YAML strings. */
export function cloudsYaml(clouds: readonly Cloud[]): string {
  const blocks = clouds.map(({ name, authUrl, userName, projectName, password }) => [
    `  ${name}:`,
    `    auth:`,
    `      auth_url: ${authUrl}`,
    `      username: ${JSON.stringify(userName)}`,
    ...(password === undefined ? [] : [`      password: ${JSON.stringify(password)}`]),
    `      project_name: ${JSON.stringify(projectName)}`,
    `      user_domain_id: ${DOMAIN.id}`,
    `      project_domain_id: ${DOMAIN.id}`,
    `    region_name: ${REGION}`,
    `    identity_api_version: 3`,
  ]);
  return `clouds:\n${blocks.flat().join('\n')}\n`;
}
