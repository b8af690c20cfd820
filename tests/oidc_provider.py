"""A small OpenID provider in a process of its own: `python tests/oidc_provider.py`. For tests only.

Discovery, keys, a page that asks for a name, codes with PKCE, signed ID tokens. Whoever gives a name of WRONG gets a
token with that fault, as a broken or hostile provider would give.
"""

import base64
import hashlib
import html
import json
import secrets
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "madang", "a secret of the provider"
WRONG = (
    "wrong-nonce",
    "wrong-audience",
    "wrong-issuer",
    "wrong-key",
    "wrong-algorithm",
    "expired",
    "no-subject",
    "no-token",
)
NAMES = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge")


class Door(BaseHTTPRequestHandler):
    """All that the provider answers."""

    key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
    codes: ClassVar[dict[str, dict[str, str]]] = {}

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            ends = {
                name: f"{self.issuer}/{name[:5]}" for name in ("authorization_endpoint", "token_endpoint")
            }
            return self._json({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **ends})
        if parts.path == "/keys":
            return self._json({"keys": [self.key.as_dict(private=False)]})
        if parts.path == "/autho":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256":
                return self._json({"error": "invalid_request"}, 400)
            fields = "".join(
                f'<input type="hidden" name="{name}" value="{html.escape(asked[name])}">' for name in NAMES
            )
            page = f'<form method="post" action="/autho">{fields}<label>이름 <input name="name"></label><button>맞습니다</button></form>'
            return self._send(200, "text/html", f"<!doctype html><title>본인확인</title>{page}".encode())
        return self._json({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path == "/autho":
            answer = {"state": sent["state"]}
            if sent["name"] == "no":
                answer |= {"error": "access_denied"}
            else:
                answer["code"] = secrets.token_urlsafe(16)
                self.codes[answer["code"]] = sent
            self.send_response(303)
            self.send_header("Location", f"{sent['redirect_uri']}?{urlencode(answer)}")
            self.end_headers()
            return None
        return self._token(sent)

    def _token(self, sent: dict[str, str]) -> None:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        given = self.codes.pop(sent.get("code", ""), None)  # once
        challenge = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if (
            given is None
            or self.headers.get("Authorization") != f"Basic {basic}"
            or given["redirect_uri"] != sent.get("redirect_uri")
            or given["code_challenge"] != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        ):
            return self._json({"error": "invalid_grant"}, 400)
        name, now = given["name"], int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer if name != "wrong-issuer" else "https://elsewhere.example",
            "aud": CLIENT if name != "wrong-audience" else "another",
            "sub": f"person {name}",
            "iat": now,
            "exp": now + (300 if name != "expired" else -3600),
            "nonce": given["nonce"] if name != "wrong-nonce" else "another",
        }
        if name == "no-subject":
            del claims["sub"]
        key: Any = self.key
        header = {"alg": "RS256", "kid": "first"}
        if name == "wrong-key":
            key, header = RSAKey.generate_key(2048), {"alg": "RS256", "kid": "first"}
        if name == "wrong-algorithm":  # signed with the secret that the client has too
            key, header = OctKey.import_key(SECRET), {"alg": "HS256"}
        answer = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 300}
        if name != "no-token":
            answer["id_token"] = jwt.encode(header, claims, key)
        return self._json(answer)

    def _json(self, content: Any, status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class ProviderProcess:
    """The program, started; `issuer` is its address."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer.startswith("http://127.0.0.1:")

    @property
    def settings(self) -> dict[str, str]:
        """For a server that asks this provider."""
        return {"oidc_issuer": self.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
