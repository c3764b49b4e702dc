// Completes a call for the try-out of the API page: the shared token goes into the query.

export const asks = 'Shared token';

export async function sign(request, secret) {
  const url = new URL(request.url, globalThis.location?.href);
  url.searchParams.delete('authToken');
  const others = url.search.replace(/^\?/, '');
  const text = `authToken=${encodeURIComponent(secret)}`;
  url.search = others ? `${others}&${text}` : text;
  request.url = url.toString();
  return { text, signature: secret };
}
