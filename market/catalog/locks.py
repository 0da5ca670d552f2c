"""One product is worked on by one act at a time: every act on it, its revisions, offers or reviews locks its row."""

import uuid

from accounts.states import Capacity, Role
from market.catalog.models import Product
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order


def lock_own_product(actor: Actor, product_id: uuid.UUID) -> Product:
    """The vendor's own product, its row locked; another vendor's is ``NotFound``.

    Raises ``Forbidden`` unless the actor lists for a vendor.
    """
    actor.require_role(Role.OWNER, Role.LISTER)
    actor.require_capacity(Capacity.VENDOR)
    own = Product.objects.filter(id=product_id)
    if actor is not SYSTEM:
        own = own.filter(vendor_org_id=actor.organization_id)
    return _lock(own)


def lock_product_in_charge(actor: Actor, product_id: uuid.UUID) -> Product:
    """Like ``lock_own_product``, but an operator of the exchange may lock any product."""
    if is_operator(actor):
        return _lock(Product.objects.filter(id=product_id))
    return lock_own_product(actor, product_id)


def lock_product_as_operator(actor: Actor, product_id: uuid.UUID) -> Product:
    """Any product, its row locked. Raises ``Forbidden`` unless the actor operates the exchange."""
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    return _lock(Product.objects.filter(id=product_id))


def is_operator(actor: Actor) -> bool:
    """Whether the actor operates the exchange, or is the exchange itself."""
    return actor is SYSTEM or (actor.role == Role.OPERATOR and Capacity.OPERATOR in actor.capacities)


def _lock(products) -> Product:
    product = lock_in_order(products.select_related("vendor_org")).first()
    if product is None:
        raise NotFound
    return product
