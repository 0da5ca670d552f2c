"""Acts of many requests in one statement; each is told whether it was done."""

import contextlib
import functools
import select
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from market.kernel import gathering
from market.kernel.conditions import Condition, unlocked
from market.kernel.direct import Line
from market.kernel.gathering import Gathering
from market.kernel.identifiers import uuid7
from market.outbox.models import Job
from tests.concurrency.together import blocked_backends
from tests.conftest import wait_until

HOLDS = Condition("ask.holds", "holds boolean", [{"holds": True}])
FAILS = Condition("ask.holds", "holds boolean", [{"holds": False}])
UNKNOWN = Condition("ask.holds", "holds boolean", [{"holds": None}])

pytestmark = pytest.mark.django_db(transaction=True)


class Meeting:
    """A gathering, and what it has told whom."""

    def __init__(self) -> None:
        self.line = Line()
        self.gathering = Gathering(self.line)
        self.told: dict[str, bool] = {}

    def put(self, key: str, given: Condition = HOLDS) -> None:
        self.gathering.put([job(key)], given, functools.partial(self.told.__setitem__, key))

    def go_on(self, *keys: str, seconds: float = 10) -> list[bool]:
        """What these are told; as the loop of a server goes on."""
        deadline = time.monotonic() + seconds
        self.gathering.go()
        while not set(keys) <= self.told.keys():
            assert time.monotonic() < deadline, f"told only {self.told}"
            if select.select([self.gathering.descriptor], [], [], 0.1)[0]:
                self.gathering.answered()
                self.gathering.go()
        return [self.told[key] for key in keys]

    def process(self) -> int:
        self.line.ask("SELECT pg_backend_pid()::text", [])
        while not (result := self.line.answer()):
            pass
        return int(result.get_value(0, 0))


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    meeting = Meeting()
    yield meeting
    meeting.gathering.close()


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


@contextlib.contextmanager
def under_way(meeting: Meeting) -> Iterator[None]:
    """A statement of the gathering is held up meanwhile."""
    with taken("first"):
        meeting.put("first")
        meeting.gathering.go()
        wait_until(lambda: blocked_backends() == 1)
        yield


def written() -> dict[str, str]:
    """The transaction that wrote each job."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, xmin::text FROM outbox_job")
        return dict(cursor.fetchall())


def test_those_who_wait_go_as_one(meeting, patience):
    with under_way(meeting):
        for key in "abc":
            meeting.put(key)
        meeting.gathering.go()
        assert not meeting.told
    assert meeting.go_on("first", "a", "b", "c") == [True] * 4
    found = written()
    assert len(found) == 4 and found["a"] == found["b"] == found["c"] != found["first"]


def test_nobody_waits_for_company(meeting):
    meeting.put("a")
    assert meeting.go_on("a") == [True]
    assert written().keys() == {"a"}


def test_one_statement_takes_so_many(meeting):
    keys = [f"{number}" for number in range(gathering.MOST + 2)]
    for key in keys:
        meeting.put(key)
    assert meeting.go_on(*keys) == [True] * len(keys)
    found = written()
    assert len({found[key] for key in keys[: gathering.MOST]}) == len({found[key] for key in keys[-2:]}) == 1
    assert found[keys[0]] != found[keys[-1]]


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_what_is_refused_to_one_is_done_for_none(turn, meeting):
    Job.objects.bulk_create([job("there already")])
    keys = ["a", "b"]
    keys.insert(turn, "there already")
    for key in keys:
        meeting.put(key)
    assert meeting.go_on(*keys) == [False] * 3
    assert written().keys() == {"there already"}
    meeting.put("c")
    assert meeting.go_on("c") == [True]


@pytest.mark.parametrize("broken", [FAILS, UNKNOWN], ids=["false", "unknown"])
@pytest.mark.parametrize("turn", [0, 1, 2])
def test_when_one_condition_does_not_hold_nothing_is_done(turn, broken, meeting):
    givens = [HOLDS, HOLDS]
    givens.insert(turn, broken)
    for key, given in zip("abc", givens, strict=True):
        meeting.put(key, given)
    assert meeting.go_on("a", "b", "c") == [False] * 3
    assert not written()


def test_acts_that_ask_different_questions_go_apart(meeting, patience):
    with under_way(meeting):
        meeting.put("a")
        meeting.put("b", unlocked(7))
        meeting.put("c")
    assert meeting.go_on("a", "b", "c") == [True, True, True]
    found = written()
    assert found["a"] == found["c"] != found["b"]


def test_who_is_held_up_keeps_the_others_for_a_moment_only(meeting):
    with taken("held"):
        meeting.put("a")
        meeting.put("held")
        assert meeting.go_on("a", "held", seconds=5) == [False, False]
        meeting.put("b")
        assert meeting.go_on("b", seconds=5) == [True]
    assert written().keys() == {"b"}


def test_without_its_connection_nobody_is_done(meeting, patience):
    process = meeting.process()
    with under_way(meeting):
        meeting.put("a")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
        with pytest.raises(psycopg.OperationalError):
            meeting.go_on("first")
        meeting.gathering.close()
        assert meeting.told == {"first": False, "a": False}
    assert not written()


def test_a_statement_that_the_server_has_forgotten_is_prepared_again(meeting):
    meeting.put("a")
    assert meeting.go_on("a") == [True]
    meeting.line.ask("DEALLOCATE ALL", [])
    while meeting.line.answer() is None:
        pass
    for key in "bc":
        meeting.put(key)
        meeting.go_on(key)
    assert meeting.told == {"a": True, "b": False, "c": True}
