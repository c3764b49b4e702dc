// Adds the bearer key for the try-out of the API page. Nothing of a call is signed.

export const asks = 'Key';

export async function sign(request, key) {
  for (const name of Object.keys(request.headers)) {
    if (name.toLowerCase() === 'authorization') delete request.headers[name];
  }
  request.headers.Authorization = `Bearer ${key}`;
  return { text: 'Nothing: a bearer key is sent as it is.', signature: 'Authorization: Bearer …' };
}
