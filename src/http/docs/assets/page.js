// The API page: which document is shown, what stands in it, and the signing of what is tried out.

const ALL = 'wallet';
const element = (id) => document.getElementById(id);

function made(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const setup = await (await fetch('page.json')).json();
const shown = decodeURIComponent(location.pathname.split('/').pop()) || ALL;
const file = shown === ALL ? 'openapi.json' : `${shown}.json`;

// ---- Documents ----

function listDocuments() {
  const links = setup.documents.map(({ name, title, audience }) => {
    const link = made('a', { href: name === ALL ? './' : name, textContent: title, title: audience });
    if (name === shown) link.setAttribute('aria-current', 'page');
    return link;
  });
  element('documents').append(...links);
  Object.assign(element('download'), { href: file, download: `${shown}.json` });
  const title = setup.documents.find(({ name }) => name === shown)?.title;
  document.title = `${title ?? 'API'} · Seamless wallet`;
}

// ---- Signing ----

// By the first segment of a document's paths: how it is signed, and the form's fields.
const signers = new Map();

async function addSigner({ name, title }) {
  const { asks, sign } = await import(`../sign/${name}.js`);
  const secret = made('input', {
    id: `secret-${name}`, type: 'password', autocomplete: 'off', spellcheck: false,
    placeholder: 'not signed', value: setup.demo[name] ?? '',
  });
  const slug = made('input', { id: `slug-${name}`, value: name, spellcheck: false });
  const fields = [made('label', {}, asks, secret)];
  if (name !== 'operator') fields.unshift(made('label', {}, 'Name in the path', slug));
  element('signers').append(made('fieldset', {}, made('legend', { textContent: title }), ...fields));
  signers.set(name, { sign, secret, slug });
}

async function signAll() {
  const wanted = setup.documents.filter(({ name }) => name !== ALL && [ALL, name].includes(shown));
  for (const one of wanted) await addSigner(one);
  element('signers').addEventListener('submit', (event) => event.preventDefault());
  element('keys').open = Object.keys(setup.demo).length > 0 && shown !== ALL;
}

// Swagger UI asks this about each request before it goes out.
async function intercept(request) {
  if (request.loadSpec) return request;
  const base = new URL('..', location.href);
  const url = new URL(request.url, location.href);
  if (url.origin !== base.origin || !url.pathname.startsWith(base.pathname)) return request;
  const [first, ...rest] = url.pathname.slice(base.pathname.length).split('/');
  const signer = signers.get(first);
  if (!signer) return request;
  url.pathname = base.pathname + [signer.slug.value.trim() || first, ...rest].join('/');
  request.url = url.href;
  if (signer.secret.value) {
    const { text, signature } = await signer.sign(request, signer.secret.value);
    element('signed-text').textContent = text;
    element('signature').textContent = signature;
    element('signed').hidden = false;
  }
  return request;
}

// ---- Contents ----

const idOf = (tag) => `operations-tag-${tag.replace(/[^\w-]/g, '_')}`;

function listContents(spec) {
  const groups = spec['x-tagGroups'] ?? [];
  const operations = Object.values(spec.paths).flatMap((item) => Object.values(item));
  for (const { name, tags } of groups) {
    const items = tags.filter((tag) => operations.some((operation) => operation.tags?.includes(tag)));
    const prefix = `${name.split(': ').pop()}: `;
    const links = items.map((tag) => {
      const label = tag.startsWith(prefix) ? tag.slice(prefix.length) : tag;
      const link = made('a', { href: `#/${encodeURIComponent(tag)}`, textContent: label });
      link.addEventListener('click', (event) => {
        event.preventDefault();
        const target = [...document.querySelectorAll('.opblock-tag')].find((one) => one.dataset.tag === tag);
        (target ?? element(idOf(tag)))?.scrollIntoView({ block: 'start', behavior: 'smooth' });
      });
      return made('li', {}, link);
    });
    element('contents').append(made('h2', { textContent: name }), made('ul', {}, ...links));
  }
}

// ---- The page ----

function keepTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', apply);
  apply();
}

keepTheme();
listDocuments();
await signAll();
const spec = await (await fetch(file)).json();
listContents(spec);
element('page').replaceChildren();
globalThis.ui = globalThis.SwaggerUIBundle({
  url: new URL(file, location.href).href,
  domNode: element('page'),
  layout: 'BaseLayout',
  presets: [globalThis.SwaggerUIBundle.presets.apis],
  requestInterceptor: intercept,
  // Nobody else is asked whether the document is a good one.
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  persistAuthorization: false,
  onComplete: () => document.documentElement.setAttribute('data-ready', ''),
});
