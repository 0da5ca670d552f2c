"""The compare-and-set that every transition in every room goes through."""

import threading

import pytest
from django.db import connection, transaction

from accounts.models import Organization
from accounts.states import ORGANIZATION_MOVES, OrganizationState
from market.kernel.database import move_state
from market.kernel.errors import IllegalTransition, NotFound
from market.kernel.identifiers import uuid7
from market.kernel.states import TransitionTable
from tests import factories

LIGHT = TransitionTable({"red": ["green"], "green": ["amber"], "amber": ["red"]})


def test_table_says_what_may_follow():
    assert LIGHT.legal_moves("red") == ["green"]
    assert LIGHT.sources("red") == ["amber"]
    assert TransitionTable({"open": ["closed"]}).is_final("closed")
    assert not LIGHT.is_final("red")


def test_illegal_move_names_the_state_and_the_legal_moves():
    with pytest.raises(IllegalTransition) as refusal:
        LIGHT.require("red", "amber")
    assert refusal.value.status == 409
    assert refusal.value.extra == {"state": "red", "legal_moves": ["green"]}


@pytest.mark.django_db
def test_refused_move_changes_nothing():
    made = factories.organization("buyer", state=OrganizationState.CLOSED)
    with pytest.raises(IllegalTransition) as refusal:
        move_state(
            Organization.objects.filter(id=made.id), ORGANIZATION_MOVES, OrganizationState.VERIFIED, name="changed"
        )
    made.refresh_from_db()
    assert (made.state, made.name != "changed") == (OrganizationState.CLOSED, True)
    assert refusal.value.extra == {"state": "closed", "legal_moves": []}


@pytest.mark.django_db
def test_move_of_what_does_not_exist():
    with pytest.raises(NotFound):
        move_state(Organization.objects.filter(id=uuid7()), ORGANIZATION_MOVES, OrganizationState.VERIFIED)


@pytest.mark.parametrize("guarded", [False, True], ids=["read-then-write", "compare-and-set"])
@pytest.mark.django_db(transaction=True)
def test_of_two_that_race_one_wins(guarded: bool):
    """Without the guard both believe they verified the organisation; with it exactly one does."""
    made = factories.organization("buyer", state=OrganizationState.PENDING)
    both_have_read, winners = threading.Barrier(2, timeout=10), []

    def verify(name: str) -> None:
        rows = Organization.objects.filter(id=made.id)
        try:
            with transaction.atomic():
                ORGANIZATION_MOVES.require(rows.get().state, OrganizationState.VERIFIED)
                both_have_read.wait()
                if guarded:
                    move_state(rows, ORGANIZATION_MOVES, OrganizationState.VERIFIED)
                else:
                    rows.update(state=OrganizationState.VERIFIED)
            winners.append(name)
        except IllegalTransition:
            assert guarded
        finally:
            connection.close()

    threads = [threading.Thread(target=verify, args=[name]) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == (1 if guarded else 2)
