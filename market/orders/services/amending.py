"""Changes of a contract: one side proposes, the other confirms, and the terms have a next version."""

import datetime
import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.catalog.services import approval_of_purpose
from market.catalog.services.rules import Findings
from market.catalog.validators import clean_text, tidy
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_instance
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.orders import jobs
from market.orders.contracts.versions import agreed, next_version, unused_amount
from market.orders.errors import AmendmentOpen, AmendmentRunOut, NotAmendable
from market.orders.locks import lock_order
from market.orders.models import Amendment, Order, OrderTerms
from market.orders.selectors import (
    amendable,
    amendment_visible_to,
    amendments_visible_to,
    bare_orders_visible_to,
    speaks_for,
)
from market.orders.services.steps import BATCH, evidence
from market.orders.states import AMENDMENT_MOVES, AmendmentState, ContractSide, OrderState
from market.outbox.services import job

AlsoInsert = Callable[[Amendment], Model] | None
"""Makes one more row from the changed amendment, inserted in the act's own statement (an idempotent reply)."""

MAX_PURPOSE = 1000
MAX_LICENCE = 20_000
MAX_MESSAGE = 5000
MAX_ACCEPTANCE_DAYS = 90


def propose(
    *,
    actor: Actor,
    order_id: uuid.UUID,
    purpose: str | None = None,
    licence: str | None = None,
    acceptance_days: int | None = None,
    ends_on: datetime.date | None = None,
    message: str = "",
    also_insert: AlsoInsert = None,
) -> Amendment:
    """One side proposes to change what is given here; the other has ``ORDER_AMENDMENT_DAYS`` to confirm it.

    What the contract says already is left out. ``ends_on`` ends a running contract early: that day no longer. A changed
    purpose of a product that needs approval must be approved before, like that of an order.

    Raises ``InvalidInput``, ``NotAmendable``, ``ApprovalNeeded``, ``AmendmentOpen``, ``Forbidden``, ``NotFound``.
    """
    given = {"purpose": purpose, "licence": licence, "acceptance_days": acceptance_days, "ends_on": ends_on}
    given, message = _cleaned(given, message)
    with transaction.atomic():
        order = lock_order(bare_orders_visible_to(actor).select_related("offer", "product"), order_id)
        side = _side_of(actor, order)
        terms = _in_force(order)
        before = agreed(terms)
        changes = {name: value for name, value in given.items() if value is not None and value != _tidied(before[name])}
        if not changes:
            raise InvalidInput(_("The contract says all this already. Say what shall be different."))
        _require_possible(order, changes)
        if "purpose" in changes:
            approval_of_purpose(order.product, order.buyer_org_id, changes["purpose"])
        _require_none_open(order)
        now = clock.now()
        amendment = Amendment(
            id=uuid7(),
            order=order,
            buyer_org_id=order.buyer_org_id,
            vendor_org_id=order.vendor_org_id,
            base_version=terms.version,
            side=side,
            proposed_by_id=actor.user_id,
            message=message,
            unused_amount=unused_amount(terms, ends_on) if "ends_on" in changes else None,
            created_at=now,
            due_at=now + datetime.timedelta(days=settings.ORDER_AMENDMENT_DAYS),
            **changes,
        )
        Order.objects.filter(id=order.id).update(amendment_due_at=amendment.due_at)
        insert_together(
            amendment,
            _proof("order.amendment_proposed", actor, amendment, **_evident(amendment)),
            also_insert(amendment) if also_insert else None,
        )
    return amendment


def _tidied(value: Any) -> Any:
    """What a text of the contract comes back as from a form that nobody changed."""
    return tidy(value) if isinstance(value, str) else value


def _cleaned(given: dict[str, Any], message: str) -> tuple[dict[str, Any], str]:
    findings = Findings()
    for name, most in (("purpose", MAX_PURPOSE), ("licence", MAX_LICENCE)):
        if given[name] is not None:
            with findings.at(f"/{name}"):
                given[name] = clean_text(given[name], most=most)
                if not given[name]:
                    raise ValidationError(_("Write something, or leave it out to change nothing."))
    with findings.at("/message"):
        message = clean_text(message, most=MAX_MESSAGE)
    if given["acceptance_days"] is not None and not 1 <= given["acceptance_days"] <= MAX_ACCEPTANCE_DAYS:
        findings.errors["/acceptance_days"] = _("From 1 to %(most)d days.") % {"most": MAX_ACCEPTANCE_DAYS}
    findings.raise_if_any()
    return given, message


def _side_of(actor: Actor, order: Order) -> ContractSide:
    side = speaks_for(actor, order)
    if side is None:
        raise Forbidden(_("Only the buyer and the vendor change their contract, by those who order or sell for them."))
    return side


def _in_force(order: Order) -> OrderTerms:
    return OrderTerms.objects.filter(order=order).order_by("-version")[0]


def _require_possible(order: Order, changes: Mapping[str, Any]) -> None:
    """Raise ``NotAmendable`` unless the contract as it stands can be changed like that."""
    possible = amendable(order)
    errors = {f"/{name}": _NOT_NOW[name] for name in changes if name not in possible}
    if "acceptance_days" in changes and order.state == OrderState.DELIVERED and _accepted_at(order, changes) is None:
        errors["/acceptance_days"] = _("The period would be over already: agree on a longer one.")
    if "ends_on" in changes and "/ends_on" not in errors:
        last = order.ends_on or order.term_ends_on
        if not clock.business_date() <= changes["ends_on"] < last:
            errors["/ends_on"] = _("Choose a day from today on and before %(last)s.") % {"last": last.isoformat()}
    if errors:
        raise NotAmendable(errors=errors, state=order.state)


_NOT_NOW = {
    "purpose": _("No contract is in force: it waits, has ended or is disputed."),
    "licence": _("No contract is in force: it waits, has ended or is disputed."),
    "acceptance_days": _("Possible from payment until acceptance."),
    "ends_on": _("Only an accepted contract with a term can end early. Before acceptance cancel or dispute it."),
}


def _accepted_at(order: Order, changes: Mapping[str, Any]) -> datetime.datetime | None:
    """When a delivered order is accepted by itself under the new period; None when that is over."""
    due = order.delivered_at + datetime.timedelta(days=changes["acceptance_days"])
    return due if due > clock.now() else None


def _require_none_open(order: Order) -> None:
    """Raise ``AmendmentOpen`` for a proposal that can still be answered; one whose time is over is closed now."""
    found = Amendment.objects.filter(order=order, state=AmendmentState.PROPOSED).first()
    if found is None:
        return
    if found.due_at > clock.now():
        raise AmendmentOpen(_("Answer or withdraw that one first."), amendment=str(found.id))
    found.order = order
    insert_together(_expired([found]))


def confirm(*, actor: Actor, amendment_id: uuid.UUID, also_insert: AlsoInsert = None) -> Amendment:
    """The other side agrees: the terms have a next version, and the order follows it in the same transaction.

    An early end asks the room that runs the contract to charge what was used and to return the rest. Raises
    ``IllegalTransition`` when it is closed, ``AmendmentRunOut``, ``NotAmendable`` and ``ApprovalNeeded`` when the
    contract cannot be changed like that any more, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        amendment = _lock(actor, amendment_id)
        order, changes = amendment.order, amendment.changes()
        _require_open(amendment, AmendmentState.CONFIRMED)
        if _side_of(actor, order) == amendment.side:
            raise Forbidden(_("The other side confirms it."))
        _require_possible(order, changes)
        now = clock.now()
        mirrored: dict[str, Any] = {name: value for name, value in changes.items() if name != "licence"}
        if "purpose" in changes:
            mirrored["approval_id"] = approval_of_purpose(order.product, order.buyer_org_id, changes["purpose"])
        if "acceptance_days" in changes and order.state == OrderState.DELIVERED:
            mirrored["acceptance_due_at"] = _accepted_at(order, changes)
        current = _in_force(order)
        terms = next_version(current, amendment, approval_id=mirrored.get("approval_id"), confirmed_at=now)
        _close(actor, amendment, AmendmentState.CONFIRMED, terms_id=terms.id)
        amendment.terms = terms
        ending = None
        if "ends_on" in changes:
            ending = job(jobs.END, key=f"{order.id}:{terms.version}", subject_id=order.id)
        insert_together(
            terms,
            _proof(
                "order.amended",
                actor,
                amendment,
                version=terms.version,
                terms_sha256=terms.sha256,
                amends_sha256=current.sha256,
                **_evident(amendment),
            ),
            ending,
            also_insert(amendment) if also_insert else None,
        )
        # After the insert: the database lets an order follow the newest version only.
        Order.objects.filter(id=order.id).update(terms_sha256=terms.sha256, **mirrored)
        for name, value in {"terms_sha256": terms.sha256, **mirrored}.items():
            setattr(order, name, value)
    return amendment


def decline(*, actor: Actor, amendment_id: uuid.UUID, message: str = "", also_insert: AlsoInsert = None) -> Amendment:
    """The other side does not agree; the contract stays as it is. Raises as ``confirm``, and ``InvalidInput``."""
    return _end(actor, amendment_id, AmendmentState.DECLINED, message, also_insert)


def withdraw(*, actor: Actor, amendment_id: uuid.UUID, message: str = "", also_insert: AlsoInsert = None) -> Amendment:
    """Who proposed it takes it back before it is answered. Raises as ``decline``."""
    return _end(actor, amendment_id, AmendmentState.WITHDRAWN, message, also_insert)


def _end(
    actor: Actor, amendment_id: uuid.UUID, target: AmendmentState, message: str, also_insert: AlsoInsert
) -> Amendment:
    _nothing, message = _cleaned({"purpose": None, "licence": None, "acceptance_days": None}, message)
    with transaction.atomic():
        amendment = _lock(actor, amendment_id)
        _require_open(amendment, target)
        is_own = _side_of(actor, amendment.order) == amendment.side
        if is_own != (target == AmendmentState.WITHDRAWN):
            raise Forbidden(_("Your own proposal is withdrawn, the other side's is confirmed or declined."))
        _close(actor, amendment, target, answer=message)
        insert_together(
            _proof(
                f"order.amendment_{target}",
                actor,
                amendment,
                message_sha256=hashlib.sha256(message.encode()).hexdigest(),
            ),
            also_insert(amendment) if also_insert else None,
        )
    return amendment


def _lock(actor: Actor, amendment_id: uuid.UUID) -> Amendment:
    """The amendment, its order locked: every act on a contract queues there. Raises ``NotFound``."""
    about = amendments_visible_to(actor).filter(id=amendment_id).values_list("order_id", flat=True).first()
    if about is None:
        raise NotFound
    lock_order(bare_orders_visible_to(actor), about)
    return amendment_visible_to(actor, amendment_id)


def _require_open(amendment: Amendment, target: AmendmentState) -> None:
    AMENDMENT_MOVES.require(amendment.state, target)
    if amendment.due_at <= clock.now():
        raise AmendmentRunOut(_("Propose it anew."), due_at=amendment.due_at.isoformat(), state=amendment.state)


def _close(actor: Actor, amendment: Amendment, target: AmendmentState, **changes: Any) -> None:
    """Compare-and-set to where it ends; the order no longer waits for it."""
    changes |= {"closed_at": clock.now(), "decided_by_id": actor.user_id}
    move_instance(amendment, AMENDMENT_MOVES, target, **changes)
    Order.objects.filter(id=amendment.order_id).update(amendment_due_at=None)
    amendment.order.amendment_due_at = None


def expire_amendments() -> int:
    """Close every proposal that nobody answered in time; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    expired = 0
    while batch := _expire_batch():
        expired += batch
    return expired


def _expire_batch() -> int:
    with transaction.atomic():
        overdue = list(
            Amendment.objects.filter(state=AmendmentState.PROPOSED, due_at__lte=clock.now())
            .select_related("order")
            .order_by("due_at")
            .select_for_update(of=("self", "order"), skip_locked=True, no_key=True)[:BATCH]
        )
        insert_together(_expired(overdue))
    return len(overdue)


def _expired(overdue: list[Amendment]) -> list[AuditEvent]:
    """Close these proposals, whose orders are locked, and return the evidence to insert."""
    Amendment.objects.filter(id__in=[found.id for found in overdue], state=AmendmentState.PROPOSED).update(
        state=AmendmentState.EXPIRED, closed_at=clock.now()
    )
    Order.objects.filter(id__in=[found.order_id for found in overdue]).update(amendment_due_at=None)
    return [_proof("order.amendment_expired", SYSTEM, found) for found in overdue]


def _proof(name: str, actor: Actor, amendment: Amendment, **payload: Any) -> AuditEvent:
    """The audit event, on the order; it acts for the side that spoke."""
    order = amendment.order
    proof = evidence(name, actor, order, amendment=str(amendment.id), proposed_by=str(amendment.side), **payload)
    if actor.organization_id is not None:
        proof.on_behalf_of_org_id = actor.organization_id
    return proof


def _evident(amendment: Amendment) -> dict[str, Any]:
    """What is proposed, as evidence: texts by their SHA-256, for people write what they like."""
    shown: dict[str, Any] = {}
    for name, value in amendment.changes().items():
        if isinstance(value, str):
            shown[f"{name}_sha256"] = hashlib.sha256(value.encode()).hexdigest()
        else:
            shown[name] = value.isoformat() if isinstance(value, datetime.date) else value
    if amendment.unused_amount is not None:
        shown["unused_amount"] = amendment.unused_amount
    return shown
