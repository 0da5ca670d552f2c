import json

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

NOWHERE = "redis://127.0.0.1:1/0"


def test_the_process_answers_whatever_the_host(client):
    answer = client.get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_ready_when_every_part_is(client):
    answer = client.get("/readyz")
    parts = {"database": "ok", "migrations": "ok", "broker": "ok", "cache": "ok"}
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": parts})


@pytest.mark.django_db
@override_settings(REDIS_URL=NOWHERE)
def test_not_ready_without_the_broker(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [part for part, state in answer.json()["parts"].items() if state == "down"] == ["broker"]
    # Nothing about addresses or versions for whoever asks.
    assert "127.0.0.1" not in json.dumps(answer.json())


@pytest.mark.django_db
def test_not_ready_before_migrations(client):
    MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["migrations"] == "down"
