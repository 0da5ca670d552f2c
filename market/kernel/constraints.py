"""Conditions that several rooms put on their columns."""

from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact


def is_sha256(column: str) -> Q:
    """The condition that a text column holds a SHA-256 as 64 small hexadecimal digits.

    Length and letters are asked for apart: ``{64}`` makes PostgreSQL's regular expression six times as slow, which is
    felt where rows come by the thousand.
    """
    return Q(**{f"{column}__regex": "^[0-9a-f]+$"}) & Q(Exact(Length(column), 64))
