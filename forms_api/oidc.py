"""An identity provider says who votes: OpenID Connect, code flow with PKCE, state and nonce. No views, no box.

Only the provider's name for the person (`sub`) is asked for, and it leaves this module towards a keyed hash alone.
The clock of ID tokens is the machine's: the provider knows nothing of a demonstration's.
"""

import threading
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from civic.errors import Misuse, Unavailable
from forms_api.settings import Settings

PATIENCE = 10  # seconds for the provider to answer
FRESH = 3600  # seconds that what the provider says of itself is kept
PAUSE = 10  # seconds at least between two looks for new keys: a bad token must not make us flood the provider
LEEWAY = 60  # seconds that its clock may differ from ours
# Signed with a key that the provider alone has: "none" and HS256 (our own secret) are no proof of it.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
AWAY = "본인확인기관과 연결하지 못했습니다. 잠시 뒤에 다시 해 주세요."


class Provider:
    """The identity provider of the settings. Asked over HTTPS; in a demonstration also over HTTP."""

    def __init__(self, settings: Settings) -> None:
        """Raises Misuse when the settings cannot be right."""
        self.issuer, self._id = settings.oidc_issuer, settings.oidc_client_id
        if urlsplit(self.issuer).scheme not in ("https", "http" if settings.demo else "https"):
            raise Misuse("MADANG_OIDC_ISSUER는 https://로 시작하는 본인확인기관의 주소로 적으세요.")
        self._secret = settings.oidc_client_secret
        self._lock = threading.Lock()
        # By address: when it was fetched, and what.
        self._documents: dict[str, tuple[float, dict[str, Any]]] = {}

    def address(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where the visitor is sent. back: our own address, as registered there. Raises Unavailable."""
        with self._session(back) as session:
            address, _ = session.create_authorization_url(
                self._document()["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(address)

    def subject(self, back: str, code: str, nonce: str, verifier: str) -> str:
        """The provider's name for the person who came back with that code. Raises ValueError, Unavailable."""
        try:
            with self._session(back) as session:
                address = self._document()["token_endpoint"]
                token = session.fetch_token(address, code=code, code_verifier=verifier)
            return self._read(str(token["id_token"]), str(token.get("access_token", "")), nonce)
        except requests.RequestException:
            raise Unavailable(AWAY) from None
        except (OAuthError, JoseError, KeyError, TypeError):
            # Says nothing of why: the token may hold what must not be shown.
            raise ValueError("no proof") from None

    def _read(self, id_token: str, access_token: str, nonce: str) -> str:
        """`sub` of an ID token that holds. Raises JoseError, ValueError, requests.RequestException."""
        try:
            token = jwt.decode(id_token, self._key_set(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # It may have been signed with a key that came after we asked.
            token = jwt.decode(id_token, self._key_set(PAUSE), algorithms=ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": self._id}},
            {"nonce": nonce, "client_id": self._id, "access_token": access_token},
        )
        claims.validate(leeway=LEEWAY)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ValueError("no subject")
        return subject

    def _session(self, back: str) -> Any:
        flow = {"scope": "openid", "redirect_uri": back, "code_challenge_method": "S256"}
        return OAuth2Session(self._id, self._secret, **flow, default_timeout=PATIENCE)

    def _document(self) -> dict[str, Any]:
        """What the provider says of itself (discovery). Raises Unavailable."""
        told = self._fetched(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        names = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(isinstance(told.get(name), str) for name in names) or told["issuer"] != self.issuer:
            self._documents.clear()  # asked anew the next time
            raise Unavailable(AWAY)
        return told

    def _key_set(self, fresh: float = FRESH) -> KeySet:
        return KeySet.import_key_set(self._fetched(self._document()["jwks_uri"], fresh))  # type: ignore[arg-type]

    def _fetched(self, address: str, fresh: float = FRESH) -> dict[str, Any]:
        """The document of that address, not older than that. Raises Unavailable."""
        with self._lock:
            kept = self._documents.get(address, (0.0, {}))
            if time.time() - kept[0] >= fresh:
                try:
                    answer = requests.get(address, timeout=PATIENCE, allow_redirects=False)
                    answer.raise_for_status()
                    kept = self._documents[address] = time.time(), dict(answer.json())
                except (requests.RequestException, ValueError, TypeError):
                    raise Unavailable(AWAY) from None
            return kept[1]
