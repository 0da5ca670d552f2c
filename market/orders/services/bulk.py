"""Many orders in one request: each by the rules of ``place``, all read in one statement and inserted in another."""

import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterator, Sequence

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from market.catalog.models import Offer
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, is_deadlock, violated_constraint
from market.kernel.errors import BusinessError, Contended
from market.kernel.identifiers import uuid7
from market.ledger.services import posting, shortage
from market.orders.errors import BulkRefused, ClientReferenceTaken
from market.orders.limits import Allowance
from market.orders.models import Order
from market.orders.services.ground import Ground, Wish, ground_of
from market.orders.services.placing import Draft, draw_up, offer_for, require_buyer, require_valid
from market.orders.services.steps import require_wallet
from market.orders.services.waiting import funds_due_at, keep_unpaid, locked_balance
from market.orders.states import OrderState
from market.outbox.services import announce

MAX_LINES = 1000
TRIES = 3
"""How often lines are looked at anew because another request took a client reference meanwhile."""

Outcome = Order | BusinessError


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """What became of a request: per line, in its order, the order or the refusal."""

    group_id: uuid.UUID
    outcomes: list[Outcome]

    @property
    def orders(self) -> list[Order]:
        """The lines that were placed."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Order)]


def place_many(
    *,
    actor: Actor,
    wishes: Sequence[Wish | BusinessError],
    is_atomic: bool,
    also_insert: Callable[[Placed], Model] | None = None,
) -> Placed:
    """Place every line, or with ``is_atomic`` all or none; those placed are a group. A line may be refused already.

    Lines are judged in their order, each by every rule of ``place``: what the earlier ones take from the wallet and
    from the purchaser's limit is gone for the later ones. The refusal of one line does not hinder the next.

    Raises ``Forbidden``, or ``BulkRefused`` with ``refusals`` (by line) when ``is_atomic`` and any line is refused;
    nothing has changed then.
    """
    require_buyer(actor)
    for _try in range(TRIES):
        with _unless_overtaken() as attempt, posting(), transaction.atomic():
            placed, rows = _judged(actor, wishes)
            refusals = {line: one for line, one in enumerate(placed.outcomes) if isinstance(one, BusinessError)}
            if is_atomic and refusals:
                raise BulkRefused(_("Mend or leave out the lines named, then send them all again."), refusals=refusals)
            insert_together(rows, also_insert(placed) if also_insert else None)
            announce(rows)
        if not attempt.is_overtaken:
            return placed
    if attempt.is_deadlock:
        raise Contended()
    raise ClientReferenceTaken(_("Another request is placing the same lines. Repeat yours in a moment."))


@dataclasses.dataclass(slots=True)
class _Attempt:
    is_overtaken: bool = False
    is_deadlock: bool = False


@contextlib.contextmanager
def _unless_overtaken() -> Iterator[_Attempt]:
    """Note that another request has just taken a client reference, or is about to while it waits for our wallet."""
    attempt = _Attempt()
    try:
        yield attempt
    except IntegrityError as error:
        if violated_constraint(error) != "order_client_reference_once":
            raise
        attempt.is_overtaken = True
    except OperationalError as error:
        if not is_deadlock(error):
            raise
        attempt.is_overtaken = attempt.is_deadlock = True


def _judged(actor: Actor, wishes: Sequence[Wish | BusinessError]) -> tuple[Placed, list[Model]]:
    valid = [wish for wish in wishes if isinstance(wish, Wish)]
    ground = ground_of(valid, buyer_org_id=actor.organization_id)
    judge = _Judge(actor, ground, _earlier_orders(actor, valid))
    outcomes, rows = [], []
    for wish in wishes:
        if isinstance(wish, BusinessError):
            outcomes.append(wish)
            continue
        try:
            draft = judge.draft(wish)
        except BusinessError as refusal:
            outcomes.append(refusal)
        else:
            outcomes.append(draft.order)
            rows += draft.rows(actor)
    return Placed(judge.group_id, outcomes), rows


def _earlier_orders(actor: Actor, wishes: Sequence[Wish]) -> dict[str, uuid.UUID]:
    references = [wish.client_reference for wish in wishes if "\x00" not in wish.client_reference]
    found = Order.objects.filter(buyer_org=actor.organization_id, client_reference__in=references)
    return dict(found.values_list("client_reference", "id"))


class _Judge:
    """Judges line after line, remembering what the earlier ones took."""

    def __init__(self, actor: Actor, ground: Ground, earlier: dict[str, uuid.UUID]) -> None:
        self.group_id = uuid7()
        self._actor = actor
        self._ground = ground
        self._taken: dict[str, uuid.UUID] = earlier
        self._placed_at: datetime.datetime = clock.now()
        self._offers: dict[tuple[uuid.UUID, str], Offer | BusinessError] = {}
        self._allowance: Allowance | None = None
        self._funds: dict[str, int] = {}

    def draft(self, wish: Wish) -> Draft:
        """The order of one line, with all that it takes taken. Raises as ``place`` does."""
        require_valid(wish)
        if wish.client_reference in self._taken:
            raise ClientReferenceTaken(
                _("Choose another reference, or look at the order you have."),
                order=str(self._taken[wish.client_reference]),
            )
        draft = draw_up(self._actor, self._ground, self._offer(wish), wish, self._placed_at)
        order = draft.order
        order.group_id = self.group_id
        if self._ground.has_limits:
            # All lines are one purchaser's, at one moment: one allowance.
            self._allowance = self._allowance or Allowance(order)
            self._allowance.judge(order)
        try:
            self._pay(draft, wish)
        except BusinessError:
            if self._allowance is not None:
                self._allowance.give_back(order)
            raise
        self._taken[wish.client_reference] = order.id
        return draft

    def _offer(self, wish: Wish) -> Offer:
        known = self._offers.get(wish.stands_on)
        if known is None:
            try:
                known = offer_for(self._ground, wish)
            except BusinessError as refusal:
                known = refusal
            self._offers[wish.stands_on] = known
        if isinstance(known, BusinessError):
            raise known
        return known

    def _pay(self, draft: Draft, wish: Wish) -> None:
        """Take the amount out of the wallet's balance, which is locked until the transaction ends."""
        order = draft.order
        if order.state == OrderState.AWAITING_APPROVAL:
            order.funds_due_at = funds_due_at(order) if wish.wait_for_funds else None
            return
        if not order.amount:
            return
        require_wallet(draft.buyer)
        if order.currency not in self._funds:
            self._funds[order.currency] = locked_balance(draft.buyer)
        available = self._funds[order.currency]
        if order.amount <= available:
            self._funds[order.currency] -= order.amount
        elif wish.wait_for_funds:
            keep_unpaid(order)
        else:
            raise shortage(needed=order.amount, available=available)
