// Signs a call for the try-out of the API page: HMAC-SHA256 over time, path and body.

export const asks = 'Client secret';

export async function sign(request, secret) {
  if (!globalThis.crypto?.subtle) {
    throw new Error('Browsers sign only on pages that come over https or from localhost');
  }
  const time = String(Math.floor(Date.now() / 1000));
  const url = new URL(request.url, globalThis.location?.href);
  const text = time + url.pathname + url.search + (request.body ?? '');
  const bytes = (of) => new TextEncoder().encode(of);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes(secret), hmac, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text)));
  const signature = [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  for (const name of Object.keys(request.headers)) {
    const own = ['x-spribe-client-ts', 'x-spribe-client-signature'];
    if (own.includes(name.toLowerCase())) delete request.headers[name];
  }
  request.headers['X-Spribe-Client-TS'] = time;
  request.headers['X-Spribe-Client-Signature'] = signature;
  return { text, signature };
}
