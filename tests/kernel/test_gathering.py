"""Acts of several threads in one statement; each hears what there is to say to it."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction

from market.kernel import gathering
from market.kernel.conditions import Condition, unlocked
from market.kernel.gathering import Gathering
from market.kernel.identifiers import uuid7
from market.outbox.models import Job
from tests.concurrency.together import InBackground, blocked_backends
from tests.conftest import wait_until

HOLDS = Condition("ask.holds", "holds boolean", [{"holds": True}])
FAILS = Condition("ask.holds", "holds boolean", [{"holds": False}])
UNKNOWN = Condition("ask.holds", "holds boolean", [{"holds": None}])

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def patience(monkeypatch):
    """A statement that is held up waits until the test goes on."""
    monkeypatch.setattr(gathering, "PATIENCE", "20s")


def job(key: str) -> Job:
    return Job(kind="k", key=key, subject_id=uuid7())


@contextlib.contextmanager
def taken(key: str) -> Iterator[None]:
    """Another transaction has inserted that job and may yet take it back; who wants it too waits."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        mine = job(key)
        with other.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO outbox_job
                       (id, kind, key, subject_id, state, due_at, attempts, fence, last_error, created_at)
                VALUES (%s, 'k', %s, %s, 'pending', now(), 0, 0, '', now())
                """,
                [mine.id, key, mine.subject_id],
            )
        yield
        other.rollback()
    finally:
        other.close()


def behind_a_statement(acts: list[tuple[list[Job], Condition]], meanwhile=lambda: None) -> list[InBackground]:
    """Let these acts wait, in this order, behind a statement that is held up; then let all go on."""
    meeting, waiting = Gathering(), []
    with taken("first"):
        first = InBackground(lambda: meeting.insert([job("first")], HOLDS))
        wait_until(lambda: blocked_backends() == 1)
        for number, (rows, given) in enumerate(acts, start=1):
            waiting.append(InBackground(lambda rows=rows, given=given: meeting.insert(rows, given)))
            wait_until(lambda number=number: len(meeting) == number)
        meanwhile()
    assert first.wait() is True
    return waiting


def written() -> dict[str, str]:
    """The transaction that wrote each job."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, xmin::text FROM outbox_job")
        return dict(cursor.fetchall())


def test_those_who_wait_go_as_one(patience):
    acts = behind_a_statement([([job(key)], HOLDS) for key in "abc"])
    assert [act.wait() for act in acts] == [True, True, True]
    found = written()
    assert len(found) == 4 and found["a"] == found["b"] == found["c"] != found["first"]


def test_nobody_waits_for_company():
    assert Gathering().insert([job("a")], HOLDS)
    assert Job.objects.get().key == "a"


@pytest.mark.parametrize("turn", [0, 1, 2], ids=["leads", "is taken along", "comes last"])
def test_what_is_refused_is_told_to_the_one_whom_it_concerns(turn, patience):
    Job.objects.bulk_create([job("there already")])
    keys = ["a", "b"]
    keys.insert(turn, "there already")
    answers = [act.wait() for act in behind_a_statement([([job(key)], HOLDS) for key in keys])]
    assert isinstance(answers.pop(turn), IntegrityError)
    assert answers == [True, True]
    assert written().keys() == {"first", "there already", "a", "b"}


@pytest.mark.parametrize("broken", [FAILS, UNKNOWN], ids=["false", "unknown"])
@pytest.mark.parametrize("turn", [0, 1, 2], ids=["leads", "is taken along", "comes last"])
def test_a_condition_that_does_not_hold_concerns_one_act(turn, broken, patience):
    acts = [([job("a")], HOLDS), ([job("b")], HOLDS)]
    acts.insert(turn, ([job("c")], broken))
    answers = [act.wait() for act in behind_a_statement(acts)]
    assert answers.pop(turn) is False
    assert answers == [True, True]
    assert written().keys() == {"first", "a", "b"}


def test_acts_that_ask_different_questions_go_apart(patience):
    acts = behind_a_statement([([job("a")], HOLDS), ([job("b")], unlocked(7)), ([job("c")], HOLDS)])
    assert [act.wait() for act in acts] == [True, True, True]
    found = written()
    assert found["a"] == found["c"] != found["b"]


def test_who_is_held_up_does_not_hold_up_those_with_whom_it_came(patience, monkeypatch):
    def ordinary() -> None:
        monkeypatch.setattr(gathering, "PATIENCE", "50ms")

    with taken("held"):
        *others, held = behind_a_statement([([job(key)], HOLDS) for key in ("a", "b", "held")], meanwhile=ordinary)
        assert [act.wait() for act in others] == [True, True]
        wait_until(lambda: blocked_backends() == 1)
    assert held.wait() is True
    assert written().keys() == {"first", "a", "b", "held"}


def test_who_is_held_up_alone_does_not_hold_up_those_who_come_later():
    meeting = Gathering()
    with taken("held"):
        held = InBackground(lambda: meeting.insert([job("held")], HOLDS))
        wait_until(lambda: blocked_backends() == 1)
        assert meeting.insert([job("a")], HOLDS) is True
        assert meeting.insert([job("b")], FAILS) is False
        assert written().keys() == {"a"}
    assert held.wait() is True
    assert written().keys() == {"a", "held"}


def test_what_was_written_is_known_as_written(patience):
    rows = [[job("a")], [job("b")]]
    for act in behind_a_statement([(each, HOLDS) for each in rows]):
        act.wait()
    assert not any(each._state.adding for (each,) in rows)
    with transaction.atomic():
        rows[0][0].attempts = 3
        rows[0][0].save()
    assert Job.objects.get(key="a").attempts == 3
