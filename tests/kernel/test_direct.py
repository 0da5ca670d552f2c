"""A statement on the shortest way to PostgreSQL."""

import pytest
from django.db import connection

from market.kernel.direct import text_answer


@pytest.mark.django_db(transaction=True)
def test_what_psycopg_deallocates_after_a_rollback_is_prepared_again():
    assert text_answer("SELECT upper(%s)", ["first"]) == "FIRST"
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert text_answer("SELECT upper(%s)", ["second"]) == "SECOND"
    assert text_answer("SELECT upper(%s)", ["third"]) == "THIRD"
