"""Signs what schemathesis makes up, so that it is heard, and says what no answer may be: loaded by
deploy/local/api-fuzz.sh."""

import hashlib
import hmac
import os
import time
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
import schemathesis


class Pragmatic(requests.auth.AuthBase):
    """MD5 over the sorted parameters and the secret."""

    def __call__(self, request):
        body = request.body or b""
        text = body if isinstance(body, str) else body.decode("utf-8", "surrogatepass")
        pairs = [(n, v) for n, v in parse_qsl(text, keep_blank_values=True) if n != "hash"]
        signed = sorted((pair for pair in pairs if pair[1]), key=lambda pair: pair[0].encode())
        line = "&".join(f"{name}={value}" for name, value in signed)
        line += os.environ["DEMO_PRAGMATIC_SECRET"]
        pairs.append(("hash", hashlib.md5(line.encode()).hexdigest()))
        request.prepare_body(urlencode(pairs), None)
        return request


class Softswiss(requests.auth.AuthBase):
    """HMAC-SHA256 over the body's bytes."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        key = os.environ["DEMO_SOFTSWISS_TOKEN"].encode()
        request.headers["X-REQUEST-SIGN"] = hmac.new(key, body, hashlib.sha256).hexdigest()
        return request


class Spribe(requests.auth.AuthBase):
    """HMAC-SHA256 over time, path with query, and the body's bytes."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        key, stamp = os.environ["DEMO_SPRIBE_SECRET"].encode(), str(int(time.time()))
        signed = (stamp + request.path_url).encode() + body
        request.headers["X-Spribe-Client-ID"] = "demo-spribe-client"
        request.headers["X-Spribe-Client-TS"] = stamp
        request.headers["X-Spribe-Client-Signature"] = hmac.new(key, signed, hashlib.sha256).hexdigest()
        return request


class Evolution(requests.auth.AuthBase):
    """The shared token, in the query."""

    def __call__(self, request):
        parts = urlsplit(request.url)
        pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "authToken"]
        pairs.append(("authToken", os.environ["DEMO_EVOLUTION_TOKEN"]))
        request.url = urlunsplit(parts._replace(query=urlencode(pairs)))
        return request


@schemathesis.hook
def map_body(context, body):
    """Names the demo's player where a call about free rounds names nobody, so that some are booked."""
    operation = getattr(context, "operation", None)
    about_free_rounds = operation is not None and operation.path.endswith("/freespins")
    if about_free_rounds and isinstance(body, dict) and not body.get("user_id"):
        body["user_id"] = "demo-player"
    return body


@schemathesis.check
def no_fault_of_ours(context, response, case):
    """503 is how a node asks to be called again, and has to be documented like any other answer."""
    assert response.status_code < 500 or response.status_code == 503, "a fault of ours"


schemathesis.auth.set_from_requests(Pragmatic()).apply_to(path_regex="^/pragmatic/")
schemathesis.auth.set_from_requests(Softswiss()).apply_to(path_regex="^/softswiss/")
schemathesis.auth.set_from_requests(Spribe()).apply_to(path_regex="^/spribe/")
schemathesis.auth.set_from_requests(Evolution()).apply_to(path_regex="^/evolution/")
