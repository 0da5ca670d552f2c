"""``Authorization: Bearer qs_<prefix>_<secret>``."""

import hmac
import re

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.selectors import token_by_prefix

TOKEN_PATTERN = re.compile(r"qs_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")

KEYWORD = "bearer"


def credentials(header: str) -> tuple[str, str] | None:
    """Prefix and secret of the token in an ``Authorization`` header; None when it holds nothing like a token."""
    keyword, _space, value = header.partition(" ")
    match = TOKEN_PATTERN.fullmatch(value.strip()) if keyword.lower() == KEYWORD else None
    return (match[1], match[2]) if match else None


class TokenAuthentication(BaseAuthentication):
    """Finds the token by its prefix in one query, with its membership, user and organisation."""

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says about how to sign in (RFC 6750, clause 3)."""
        return f'{KEYWORD.title()} realm="qianshu"'

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """None without the header; ``AuthenticationFailed`` (401) for any token that is not good right now."""
        header = request.headers.get("Authorization", "")
        if header.partition(" ")[0].lower() != KEYWORD:
            return None
        presented = credentials(header)
        token = token_by_prefix(presented[0]) if presented else None
        if token is None or not hmac.compare_digest(bytes(token.digest), ApiToken.digest_of(presented[1])):
            raise AuthenticationFailed(_("The token is unknown."))
        if not token.is_usable:
            raise AuthenticationFailed(_("The token has expired or was revoked."))
        return token.membership.user, token


class TokenScheme(OpenApiAuthenticationExtension):
    """Describes the token in the OpenAPI document."""

    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "qs_<prefix>_<secret>"}
