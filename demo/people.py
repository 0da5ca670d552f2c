"""Who works for whom, and the few who can sign in."""

import base64
import dataclasses
import hashlib
import hmac
import random
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts.models import Organization, User
from accounts.states import Role
from demo.companies import person

PURCHASER = "purchaser@buyer.example.cn"
"""Buyers work through the API: this one gets a token instead of a password."""

PURCHASERS = r"^purchaser@buyer\d*\.example\.cn$"
"""E-mail addresses of the demo market's purchasers (PostgreSQL's regular expressions)."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """One person of the demo market who has a password."""

    email: str
    role: str
    workspace: str
    what: str

    @property
    def password(self) -> str:
        """Made from this installation's secret key: the same each time here, another elsewhere, written nowhere."""
        digest = hmac.new(settings.SECRET_KEY.encode(), f"demo {self.email}".encode(), hashlib.sha256).digest()
        letters = base64.b32encode(digest[:10]).decode().lower()
        return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


SIGN_INS = (
    SignIn("operator@exchange.example.cn", Role.OPERATOR, "/admin/", "reviews listings, runs the exchange"),
    SignIn("owner@vendor.example.cn", Role.OWNER, "/vendor/", "owns a vendor"),
    SignIn("lister@vendor.example.cn", Role.LISTER, "/vendor/", "lists that vendor's products"),
    SignIn("finance@vendor.example.cn", Role.FINANCE, "/vendor/", "watches that vendor's earnings"),
    SignIn("auditor@regulator.example.cn", Role.AUDITOR, "/auditor/", "watches every transaction, exports reports"),
)


def sign_in(role: str) -> SignIn:
    """The person with a password in this role."""
    return next(found for found in SIGN_INS if found.role == role)


def staff(
    seed: int,
    exchange: Organization,
    regulator: Organization,
    vendors: Sequence[Organization],
    buyers: Sequence[Organization],
) -> Iterator[tuple[User, Organization, str]]:
    """Everybody: the first vendor and the first buyer employ those who can sign in."""
    chance = random.Random(f"{seed} people")

    def user(email: str) -> User:
        made = User(email=email, name=person(chance))
        known = next((found for found in SIGN_INS if found.email == email), None)
        if known is not None:
            made.password = make_password(known.password)
        return made

    for role in (Role.OPERATOR, Role.FINANCE, Role.AUDITOR):
        yield user(f"{role}@exchange.example.cn"), exchange, role
    yield user("operator2@exchange.example.cn"), exchange, Role.OPERATOR
    yield user("auditor@regulator.example.cn"), regulator, Role.AUDITOR
    for group, organizations, roles in (
        ("vendor", vendors, (Role.OWNER, Role.LISTER, Role.FINANCE)),
        ("buyer", buyers, (Role.OWNER, Role.PURCHASER, Role.FINANCE)),
    ):
        for number, organization in enumerate(organizations, 1):
            house = f"{group}.example.cn" if number == 1 else f"{group}{number:04d}.example.cn"
            # A small firm's owner does everything; the larger ones divide the work.
            for role in roles if number <= 60 or group == "buyer" else roles[:2]:
                yield user(f"{role}@{house}"), organization, role
