"""libpq reads the connection string, so what libpq allows, we allow."""

import pytest

from settings import environment


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://qs:p%40ss@db.example:6432/exchange?sslmode=verify-full&connect_timeout=3",
            {
                "NAME": "exchange",
                "USER": "qs",
                "PASSWORD": "p@ss",
                "HOST": "db.example",
                "PORT": "6432",
                "OPTIONS": {"sslmode": "verify-full", "connect_timeout": "3"},
            },
        ),
        ("postgresql:///exchange?host=/run/postgresql", {"NAME": "exchange", "HOST": "/run/postgresql", "PORT": ""}),
        ("postgres://a,b:5433/exchange?target_session_attrs=read-write", {"HOST": "a,b", "PORT": ",5433"}),
        ("host=localhost dbname=exchange user=qs", {"NAME": "exchange", "HOST": "localhost", "USER": "qs"}),
    ],
)
def test_database_urls(url, expected):
    parsed = environment.database(url)
    assert {name: parsed[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@host:6379/0", "redis://:secret@host:6379/7"),
        ("redis://host", "redis://host/7"),
        (
            "rediss://user:secret@host:6380/0?ssl_cert_reqs=required",
            "rediss://user:secret@host:6380/7?ssl_cert_reqs=required",
        ),
    ],
)
def test_another_database_of_the_same_redis(url, expected):
    assert environment.redis_database(url, 7) == expected
