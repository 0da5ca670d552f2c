"""The OpenAPI description over HTTP."""

import yaml
from drf_spectacular.generators import SchemaGenerator

from market.api.openapi import Description


def test_it_is_made_once_a_language_whoever_asks_and_however(client, monkeypatch):
    made = []
    parse = SchemaGenerator.parse
    monkeypatch.setattr(SchemaGenerator, "parse", lambda self, *given: made.append(1) or parse(self, *given))
    monkeypatch.setattr(Description, "_made", {})
    asked = ("", "?version=9", "?format=json", "?lang=en")
    answers = [client.get(f"/api/v1/schema/{query}") for query in asked]
    assert len(made) == 1
    assert [answer.status_code for answer in answers] == [200] * len(asked)
    assert yaml.safe_load(answers[0].content) == answers[2].json() == yaml.safe_load(answers[1].content)
    client.get("/api/v1/schema/", headers={"accept-language": "zh-CN"})
    client.get("/api/v1/schema/?lang=zh-hans")
    assert len(made) == 2
    client.get("/api/v1/schema/?lang=tlh")
    assert set(Description._made) == {"en", "zh-hans"}
