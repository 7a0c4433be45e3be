/**
 * The page at /docs: shows openapi.json of the same server in Swagger UI, and logs in at its built-in identity, so that a request can be tried. The token stays in
 * this page's memory and is gone when the page is. Nothing is loaded from anywhere else.
 */
/* global SwaggerUIBundle */
const login = document.getElementById('login');
const told = document.getElementById('told');
const say = (text) => (told.textContent = text);

const ui = SwaggerUIBundle({
  url: 'openapi.json',
  domNode: document.getElementById('api'),
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: -1,
  filter: true,
  // Swagger UI would send the document to a validator on the internet.
  validatorUrl: null,
});

async function logIn({ user, password, project }) {
  const domain = { id: 'default' };
  const response = await fetch('v3/auth/tokens', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user: { name: user, password, domain } } },
        scope: { project: { name: project, domain } },
      },
    }),
  });
  const token = response.headers.get('x-subject-token');
  if (response.ok && token) return token;
  const body = await response.json().catch(() => null);
  throw new Error(body?.error?.message ?? `the server answered ${response.status}`);
}

login.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { user, project, ...rest } = Object.fromEntries(new FormData(login));
  try {
    ui.preauthorizeApiKey('token', await logIn({ user, project, ...rest }));
    login.reset();
    say(`Logged in as ${user}, project ${project}. "Try it out" sends requests with this token.`);
  } catch (error) {
    say(`Not logged in: ${error.message}`);
  }
});

/** How one logs in here, found out as a client does. */
async function showLogin() {
  if ((await fetch('v2.0/extensions')).status !== 401)
    return say('This API asks nobody to log in: "Try it out" works at once.');
  if ((await fetch('v3')).ok) return (login.hidden = false);
  say('People log in at Keystone here: get a token ("openstack token issue") and enter it under "Authorize".');
}
showLogin().catch((error) => say(`The API does not answer: ${error.message}`));
