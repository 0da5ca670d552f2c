"""Online payments: a buyer starts one, the provider says that it was paid, and the deposit is made once."""

import datetime
import re
import uuid
from collections.abc import Callable, Mapping

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.banking import selectors
from market.banking.models import OnlinePayment, PaymentIntent
from market.banking.providers import provider
from market.banking.providers.base import Said, Told, Wanted
from market.banking.states import INTENT_MOVES, ONLINE_MOVES, IntentState, OnlineDoubt, OnlineState
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_state, violated_constraint
from market.kernel.errors import InvalidInput
from market.kernel.identifiers import short_code, uuid7
from market.kernel.locks import lock_in_order
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.kernel.words import clean_reason
from market.ledger.selectors import account, transfers_by_key
from market.ledger.services import deposit
from market.ledger.states import AccountKind
from market.settlement.services.payouts import require_treasurer

logger = structlog.get_logger(__name__)

OURS = re.compile(r"QSP\d{8}[A-Z2-7]{13}", re.ASCII)
"""What our references look like: the provider may serve other shops of the same company too."""


def start_payment(
    *,
    actor: Actor,
    amount: int,
    provider_name: str = "",
    also_insert: Callable[[PaymentIntent], models.Model] | None = None,
) -> PaymentIntent:
    """A buyer wants to pay ``amount`` fen into its wallet, by the provider named (the first by default).

    Nothing moves, and nobody is asked, before ``checkout_address``. ``also_insert`` gives one more row for the same
    statement. Raises ``NoProvider``, ``InvalidInput``, ``Forbidden`` unless the actor spends or handles a buyer's
    money, ``NotFound`` when the buyer has no wallet yet.
    """
    actor.require_role(Role.OWNER, Role.PURCHASER, Role.FINANCE)
    actor.require_capacity(Capacity.BUYER)
    if not 0 < amount <= MAX_AMOUNT:
        raise InvalidInput(errors={"/amount": _("More than nothing, and not more than a wallet can hold.")})
    chosen, key, moment = provider(provider_name), uuid7(), clock.now()
    account(actor.organization_id, AccountKind.WALLET)
    intent = PaymentIntent(
        id=key,
        provider=chosen.name,
        reference=f"QSP{clock.business_date(moment):%Y%m%d}{short_code(key, 13)}",
        buyer_org_id=actor.organization_id,
        amount=amount,
        currency=CURRENCY,
        expires_at=moment + datetime.timedelta(minutes=settings.PAYMENT_MINUTES),
        started_by_id=actor.user_id,
        started_at=moment,
    )
    proof = _proof_of_intent("online_payment.started", actor, intent)
    with transaction.atomic():
        insert_together(intent, proof, also_insert(intent) if also_insert else None)
    return intent


def checkout_address(*, actor: Actor, intent_id: uuid.UUID) -> str:
    """Where the buyer pays an intent of its own; nothing when it is paid, has ended or is too old to begin.

    Asks the provider, outside any transaction; the same intent has the same address. Raises ``ProviderUnavailable``,
    ``NotFound``.
    """
    intent = selectors.payment_intent_visible_to(actor, intent_id)
    if intent.state != IntentState.OPEN or intent.expires_at <= clock.now():
        return ""
    wanted = Wanted(intent.id, intent.reference, intent.amount, intent.currency, intent.expires_at)
    return provider(intent.provider).checkout(wanted)


def take_notification(*, name: str, body: bytes, headers: Mapping[str, str]) -> None:
    """What a provider says: whatever is genuine is taken, as often as it is said; what it was shows in the workspaces.

    A payment of an open intent, to the fen, is deposited and lets waiting orders go on. One that ended unpaid by the
    provider's word and is paid all the same (two events in the wrong order, a method that takes days) counts too. Any
    other payment that names one of our references waits for an operator.

    Raises ``NoProvider``, ``NotGenuine``, and then nothing is recorded.
    """
    told = provider(name).read(body, headers)
    if told.said is Said.OTHER or not OURS.fullmatch(told.reference):
        return
    if told.said is Said.ENDED:
        _end(name, told)
        return
    try:
        with transaction.atomic():
            _record(name, told)
    except IntegrityError as error:
        # Somebody else is recording the same payment of an intent that does not exist: there was no row to wait at.
        if violated_constraint(error) != "online_payment_once":
            raise


def assign_online_payment(*, actor: Actor, payment_id: uuid.UUID, code: str, reason: str) -> None:
    """A waiting payment is the buyer's whose remittance code this is: into the wallet with it.

    Raises ``InvalidInput``, ``IllegalTransition`` when it does not wait any more, ``AlreadyPosted`` when a deposit has
    been booked under its number by hand, ``NotFound``, ``Forbidden``.
    """
    require_treasurer(actor)
    reason, payment = clean_reason(reason), selectors.online_payment(payment_id)
    if payment.currency != CURRENCY:
        raise InvalidInput(_("The wallet holds another currency: give the money back at the provider."))
    buyer = selectors.wallet_of_code(code, payment.currency).organization
    with transaction.atomic():
        _decide(actor, payment, OnlineState.DEPOSITED, reason, buyer_org_id=buyer.id)
        _deposit(actor, payment, buyer)


def set_online_payment_aside(*, actor: Actor, payment_id: uuid.UUID, reason: str) -> None:
    """A waiting payment is nobody's here, and has been given back at the provider: no money moves.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition``, ``NotFound``, ``Forbidden``.
    """
    require_treasurer(actor)
    reason, payment = clean_reason(reason), selectors.online_payment(payment_id)
    with transaction.atomic():
        _decide(actor, payment, OnlineState.SET_ASIDE, reason)


def _end(name: str, told: Told) -> None:
    with transaction.atomic():
        intent = lock_in_order(PaymentIntent.objects.filter(provider=name, reference=told.reference)).first()
        if intent is None or intent.state != IntentState.OPEN:
            return
        move_state(PaymentIntent.objects.filter(id=intent.id), INTENT_MOVES, IntentState.ENDED)
        insert_together(_proof_of_intent("online_payment.ended", SYSTEM, intent))


def _proof_of_intent(name: str, actor: Actor, intent: PaymentIntent) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("paymentintent", intent.id),
        on_behalf_of=intent.buyer_org_id,
        buyer_org_id=intent.buyer_org_id,
        payload=_facts(intent),
    )


def _record(name: str, told: Told) -> None:
    # Of the same payment told twice at once, the second waits here and then finds the first.
    named = PaymentIntent.objects.filter(provider=name, reference=told.reference).select_related("buyer_org")
    intent = lock_in_order(named).first()
    known = OnlinePayment.objects.filter(provider=name, transaction_id=told.transaction_id).first()
    if known is not None:
        if (known.reference, known.amount, known.currency) != (told.reference, told.amount, told.currency):
            logger.error("banking.payment_contradicted", payment=str(known.id), provider=name)
        return
    doubt = _doubt(name, intent, told)
    payment = OnlinePayment(
        provider=name,
        transaction_id=told.transaction_id,
        reference=told.reference,
        amount=told.amount,
        currency=told.currency,
        intent=intent,
        buyer_org=intent.buyer_org if intent and not doubt else None,
        state=OnlineState.WAITING if doubt else OnlineState.DEPOSITED,
        doubt=doubt,
        received_at=clock.now(),
    )
    buyer_id = intent.buyer_org_id if intent else None
    proof = event(
        "online_payment.waiting" if doubt else "online_payment.received",
        actor=SYSTEM,
        subject=("onlinepayment", payment.id),
        on_behalf_of=buyer_id,
        buyer_org_id=buyer_id,
        payload=_facts(payment) | {"transaction": told.transaction_id} | ({"doubt": doubt} if doubt else {}),
    )
    insert_together(payment, proof)
    if doubt:
        logger.warning("banking.payment_waits", payment=str(payment.id), provider=name, doubt=doubt)
        return
    move_state(PaymentIntent.objects.filter(id=intent.id), INTENT_MOVES, IntentState.PAID, paid_at=clock.now())
    _deposit(SYSTEM, payment, intent.buyer_org)


def _doubt(name: str, intent: PaymentIntent | None, told: Told) -> str:
    if intent is None:
        return OnlineDoubt.UNKNOWN
    if (intent.amount, intent.currency) != (told.amount, told.currency):
        return OnlineDoubt.AMOUNT
    if intent.state == IntentState.PAID:
        return OnlineDoubt.PAID_BEFORE
    if intent.buyer_org.state == OrganizationState.CLOSED:
        return OnlineDoubt.CLOSED
    is_posted = transfers_by_key([f"deposit:{_number(name, told.transaction_id)}"]).exists()
    return OnlineDoubt.ALREADY_POSTED if is_posted else ""


def _deposit(actor: Actor, payment: OnlinePayment, buyer: Organization) -> None:
    deposit(
        actor=actor,
        organization=buyer,
        bank=selectors.provider_account(payment.currency),
        amount=payment.amount,
        reference=_number(payment.provider, payment.transaction_id),
        subject=(OnlinePayment._meta.model_name, payment.id),
    )


def _number(name: str, transaction_id: str) -> str:
    """What a deposit is known by: two providers may number alike."""
    return f"{name}:{transaction_id}"


def _decide(actor: Actor, payment: OnlinePayment, state: OnlineState, reason: str, **more: uuid.UUID) -> None:
    move_state(
        OnlinePayment.objects.filter(id=payment.id),
        ONLINE_MOVES,
        state,
        reason=reason,
        decided_by_id=actor.user_id,
        decided_at=clock.now(),
        **more,
    )
    named = {name: str(value) for name, value in more.items()}
    insert_together(
        event(
            f"online_payment.{state}",
            actor=actor,
            subject=("onlinepayment", payment.id),
            payload=_facts(payment) | {"reason": reason, **named},
        )
    )


def _facts(row: PaymentIntent | OnlinePayment) -> dict[str, str | int]:
    return {"provider": row.provider, "reference": row.reference, "amount": row.amount, "currency": row.currency}
