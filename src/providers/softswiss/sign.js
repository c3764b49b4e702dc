// Signs a call for the try-out of the API page: HMAC-SHA256 over the body's bytes.

export const asks = 'Casino token';

export async function sign(request, secret) {
  const text = request.body ?? '';
  if (!globalThis.crypto?.subtle) {
    throw new Error('Browsers sign only on pages that come over https or from localhost');
  }
  const bytes = (of) => new TextEncoder().encode(of);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes(secret), hmac, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text)));
  const signature = [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  for (const name of Object.keys(request.headers)) {
    if (name.toLowerCase() === 'x-request-sign') delete request.headers[name];
  }
  request.headers['X-REQUEST-SIGN'] = signature;
  return { text, signature };
}
