"""Reads of who is who."""

import uuid

from django.db.models import QuerySet

from accounts.models import ApiToken, Organization
from accounts.states import Capacity
from market.kernel.errors import NotFound


def token_by_prefix(prefix: str) -> ApiToken | None:
    """The token with everything a request needs to know about its bearer: one query."""
    return ApiToken.objects.filter(prefix=prefix).select_related("membership__user", "membership__organization").first()


def organization(organization_id: uuid.UUID) -> Organization:
    """One organisation. Raises ``NotFound``."""
    found = Organization.objects.filter(id=organization_id).first()
    if found is None:
        raise NotFound
    return found


def operator_organization() -> Organization:
    """The organisation that runs the exchange (the first that holds the capacity). Raises ``NotFound``."""
    found = Organization.objects.filter(capacities__contains=[Capacity.OPERATOR]).order_by("id").first()
    if found is None:
        raise NotFound("No operator organisation exists yet: create one with manage.py create_operator.")
    return found


def vendors() -> QuerySet[Organization]:
    """Every organisation that may sell."""
    return Organization.objects.filter(capacities__contains=[Capacity.VENDOR])
