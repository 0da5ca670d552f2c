"""Statements are prepared, and the ORM's awkward ones survive parameters that travel apart from the text."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Concat, Length

pytestmark = pytest.mark.django_db


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


def test_a_statement_used_often_is_prepared():
    for number in range(8):
        ContentType.objects.filter(model=f"model{number}").first()
    assert any("django_content_type" in statement and "$1" in statement for statement in prepared())


def test_expressions_with_parameters_in_every_clause():
    kind = Case(When(codename__startswith="add", then=Value("add")), default=Value("other"), output_field=CharField())
    by_kind = (
        Permission.objects.annotate(kind=kind)
        .values("kind")
        .annotate(n=Count("id", filter=Q(name__contains="a")), total=Coalesce(Sum(Length("name")), 0))
        .filter(n__gt=0)
        .order_by("kind")
    )
    assert [row["kind"] for row in by_kind] == ["add", "other"]

    label = Concat(F("app_label"), Value("."), Cast(F("id"), CharField()), output_field=CharField())
    used = Exists(Permission.objects.filter(content_type=OuterRef("pk"), codename__in=["add_user", "view_user"]))
    found = ContentType.objects.annotate(label=label, used=used).filter(used=True).values_list("label", flat=True)
    assert [text.split(".")[0] for text in found] == ["accounts"]


def test_the_session_runs_in_utc():
    with connection.cursor() as cursor:
        cursor.execute("SHOW TimeZone")
        assert cursor.fetchone() == ("UTC",)
