"""Works that read on several connections at one moment."""

import threading

import pytest

from market.kernel.database import one_moment, side_by_side
from market.outbox.models import Job
from tests import factories
from tests.concurrency.together import InBackground

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_connections_see_what_was_there_at_the_beginning():
    meeting, seen = threading.Barrier(2), []

    def count() -> None:
        meeting.wait(timeout=30)  # so that each connection takes one
        seen.append((threading.get_ident(), Job.objects.count()))

    with one_moment():
        before = Job.objects.count()
        InBackground(factories.market).wait()
        side_by_side([count, count], connections=2)
    assert len({thread for thread, _jobs in seen}) == 2
    assert [jobs for _thread, jobs in seen] == [before, before]
    assert Job.objects.count() > before


@pytest.mark.parametrize("failure", [IndexError, ValueError])
def test_no_failure_is_lost(failure):
    def fails() -> None:
        raise failure("of the work")

    for works in ([fails], [fails, fails, fails], [lambda: None, fails]):
        with one_moment(), pytest.raises(failure, match="of the work"):
            side_by_side(works, connections=2)
