"""Signed entry tokens (JWTs) of recruiting platforms, verified against a JWK set. Knows nothing of Django.

What is publicly documented of Prolific's (docs.prolific.com, "Retrieve JSON Web Key Set", and its help page on the secured external URL): RS256, the
key named by `kid` in a JWK set at https://api.prolific.com/.well-known/study/jwks.json, `exp`, `aud` the domain of the study's server, and a claim
`prolific` that holds what the study's link asked for (PROLIFIC_PID, STUDY_ID, SESSION_ID). Another platform's token may have these names at its top
level instead.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Literal

import jwt

ALGORITHMS = ["RS256", "ES256"]
"""Of key pairs only: with a shared secret (HS256) the published key would be enough to sign."""
LEEWAY = dt.timedelta(seconds=60)
"""How far two clocks may differ."""
GROUP = "prolific"

Reason = Literal["forged", "expired", "foreign"]


class TokenError(Exception):
    """A token lets nobody in: it is `forged` (or damaged), `expired`, or `foreign` (made for somebody else)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class KeysError(ValueError):
    """This is no key set that tokens could be verified with; the message is for the manager."""


def read_keys(text: str) -> dict[str, Any]:
    """A JWK set as a platform publishes it, reduced to the public keys that can verify a token.

    Raises:
        KeysError: no JSON, no key set, a private key, or no key for RS256 or ES256.
    """
    try:
        keys = json.loads(text)["keys"]
        found = [key for key in keys if _usable(key)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeysError('This is no JWK set. Give the JSON text that the platform publishes: {"keys": [{"kty": "RSA", "kid": …}]}.') from error
    if any("d" in key for key in found):
        raise KeysError("This set holds a private key (a member 'd'). Give the public keys alone, and replace that private key: it has been shown.")
    if not found:
        raise KeysError(
            f"None of these {len(keys)} keys is for {' or '.join(ALGORITHMS)}. Give the set that the platform signs its entry tokens with."
        )
    return {"keys": found}


def facts(token: str, *, keys: Mapping[str, Any], audience: str, issuer: str, now: dt.datetime) -> dict[str, str]:
    """What a valid token says of its person, as texts. `issuer` empty: any whose key is in the set.

    Raises:
        TokenError: it is not valid, here and now.
    """
    try:
        key = _key(jwt.get_unverified_header(token).get("kid"), keys)
        claims = jwt.decode(
            token,
            key=key,
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=issuer or None,
            leeway=LEEWAY,
            options={"require": ["exp", "aud"], "verify_exp": False},  # the time is the caller's, below
        )
        expires = float(claims["exp"])
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
        raise TokenError("foreign") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise TokenError("forged") from error
    if expires + LEEWAY.total_seconds() < now.timestamp():
        raise TokenError("expired")
    said = claims[GROUP] if isinstance(claims.get(GROUP), dict) else claims
    return {name: str(value) for name, value in said.items() if isinstance(value, str | int)}


def _key(name: str | None, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """The key of this `kid`; the only one, where the token names none."""
    known = [key for key in keys.get("keys", []) if name is None or key.get("kid") == name]
    if len(known) != 1:
        raise TokenError("forged")
    return jwt.PyJWK.from_dict(known[0])


def _usable(key: Mapping[str, Any]) -> bool:
    if key.get("use", "sig") != "sig":
        return False
    try:
        return jwt.PyJWK.from_dict(dict(key)).algorithm_name in ALGORITHMS
    except jwt.PyJWTError:
        return False
