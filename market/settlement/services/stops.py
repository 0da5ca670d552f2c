"""While the books do not add up, no payment leaves; one operator explains, another lets payments leave again."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, IllegalTransition, NotFound, SamePerson
from market.kernel.locks import lock_in_order
from market.kernel.words import clean_reason
from market.outbox.services import job
from market.settlement import jobs
from market.settlement.errors import StopNotExplained
from market.settlement.models import PayoutStop, ReconciliationReport
from market.settlement.services.payouts import require_treasurer
from market.settlement.services.run import cutoff_due


def explain_stop(*, actor: Actor, stop_id: uuid.UUID, explanation: str) -> None:
    """Say what happened and what was done about it. Possible again until the stop is lifted: the last word counts.

    Raises ``InvalidInput`` without an explanation, ``IllegalTransition`` when it is lifted, ``Forbidden``,
    ``NotFound``.
    """
    _require_person(actor)
    explanation = clean_reason(explanation, name="explanation")
    with transaction.atomic():
        stop = _open(stop_id)
        stop.explanation, stop.explained_by_id, stop.explained_at = explanation, actor.user_id, clock.now()
        stop.save(update_fields=["explanation", "explained_by", "explained_at"])
        insert_together(_proof("payouts.stop_explained", actor, stop, explanation=explanation))


def lift_stop(*, actor: Actor, stop_id: uuid.UUID, reason: str) -> None:
    """Let payments leave again, as another person than who explained. What is due is settled at once.

    Raises ``StopNotExplained`` when nobody has explained it since drift was found last, ``SamePerson``,
    ``InvalidInput`` without a reason, ``IllegalTransition`` when it is lifted already, ``Forbidden``, ``NotFound``.
    """
    _require_person(actor)
    reason = clean_reason(reason)
    with transaction.atomic():
        stop = _open(stop_id)
        last = ReconciliationReport.objects.filter(drifted__gt=0).order_by("-id").first()
        if stop.explained_at is None or (last is not None and last.at > stop.explained_at):
            raise StopNotExplained(
                _("Look at the last reconciliation and explain what it found; then another person decides.")
            )
        if stop.explained_by_id == actor.user_id:
            raise SamePerson(_("Whoever explained the drift cannot lift the stop. Ask a colleague."))
        stop.lift_reason, stop.lifted_by_id, stop.lifted_at = reason, actor.user_id, clock.now()
        stop.save(update_fields=["lift_reason", "lifted_by", "lifted_at"])
        insert_together(
            _proof("payouts.stop_lifted", actor, stop, reason=reason),
            job(jobs.RUN, key=f"{clock.business_date(cutoff_due()).isoformat()}:{stop.id}", subject_id=stop.id),
        )


def _require_person(actor: Actor) -> None:
    require_treasurer(actor)
    if actor.user_id is None:
        raise Forbidden(_("People decide this, by name."))


def _open(stop_id: uuid.UUID) -> PayoutStop:
    stop = lock_in_order(PayoutStop.objects.filter(id=stop_id)).first()
    if stop is None:
        raise NotFound
    if stop.lifted_at is not None:
        raise IllegalTransition(_("The stop has been lifted."), state="lifted", legal_moves=[])
    return stop


def _proof(name: str, actor: Actor, stop: PayoutStop, **payload: str):
    return event(
        name, actor=actor, subject=("payout_stop", stop.id), payload={"report": str(stop.report_id), **payload}
    )
