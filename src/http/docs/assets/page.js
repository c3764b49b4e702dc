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
  document.querySelector('#documents [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
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
  const fieldset = made('fieldset', {}, made('legend', { textContent: title }), ...fields);
  const form = made('form', { autocomplete: 'off' }, fieldset);
  form.addEventListener('submit', (event) => event.preventDefault());
  element('signers').append(form);
  signers.set(name, { sign, secret, slug });
}

async function signAll() {
  const wanted = setup.documents.filter(({ name }) => name !== ALL && [ALL, name].includes(shown));
  for (const one of wanted) await addSigner(one);
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

function jump(label, find) {
  const link = made('a', { href: '#', textContent: label });
  link.addEventListener('click', (event) => {
    event.preventDefault();
    find()?.scrollIntoView({ block: 'start', behavior: 'smooth' });
  });
  return made('li', {}, link);
}

const heading = (text) => [...document.querySelectorAll('.info h3')].find((one) => one.textContent === text);
const section = (tag) => [...document.querySelectorAll('.opblock-tag')].find((one) => one.dataset.tag === tag);

function listContents(spec) {
  const groups = spec['x-tagGroups'] ?? [];
  const used = new Set(Object.values(spec.paths).flatMap(Object.values).flatMap(({ tags }) => tags));
  for (const { name, tags } of groups) {
    const prefix = `${name.split(': ').pop()}: `;
    const short = (tag) => (tag.startsWith(prefix) ? tag.slice(prefix.length) : tag);
    const links = tags.filter((tag) => used.has(tag)).map((tag) => jump(short(tag), () => section(tag)));
    if (groups.length === 1) links.unshift(jump('How to sign', () => heading('How to sign')));
    element('contents').append(made('h2', { textContent: name }), made('ul', {}, ...links));
  }
}

// ---- Forms ----

// Swagger UI fills forms in from their schemas and knows nothing of a call's examples. What the
// first example leaves out is left empty, and is not sent.
function fillForms({ paths, components }) {
  for (const { post } of Object.values(paths)) {
    const content = post?.requestBody?.content['application/x-www-form-urlencoded'];
    const example = content?.example ?? Object.values(content?.examples ?? {})[0]?.value;
    const schema = components.schemas[content?.schema.$ref?.split('/').pop()];
    for (const [name, property] of Object.entries((example && schema?.properties) ?? {})) {
      property.example = example[name] ?? '';
    }
  }
}

// What may be left out is left out: filters that are all filled in find nothing, and a page's size
// is no part of an export. How such a value looks is said beside its field.
function emptyFilters({ paths }) {
  for (const { parameters } of Object.values(paths).flatMap(Object.values)) {
    for (const one of parameters ?? []) {
      if (one.in !== 'query' || one.required) continue;
      const { example } = one;
      if (example !== undefined) one.description = `${one.description ?? ''}\n\nSuch as \`${example}\`.`;
      delete one.example;
      if (one.schema?.default !== undefined) {
        one.description = `${one.description ?? ''}\n\nIf left out, \`${one.schema.default}\`.`;
        delete one.schema.default;
      }
    }
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
spec.servers = [{ url: new URL('..', location.href).href.replace(/\/$/, ''), description: 'This node' }];
fillForms(spec);
emptyFilters(spec);
listContents(spec);
element('page').replaceChildren();
globalThis.ui = globalThis.SwaggerUIBundle({
  spec,
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
