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


def test_what_a_caller_has_to_reckon_with_stands_in_it(client):
    """Refusals that a view words by itself, those that come before every view, and the paging of every list."""
    paths = client.get("/api/v1/schema/?format=json").json()["paths"]
    assert "409" in paths["/api/v1/orders/{order_id}/accept"]["post"]["responses"]
    assert {"404", "409", "503"} <= paths["/api/v1/payments"]["post"]["responses"].keys()
    assert {"410", "416"} <= paths["/api/v1/downloads/{token}"]["get"]["responses"].keys()
    for path, methods in paths.items():
        for method in {"post", "put"} & methods.keys():
            assert {"400", "413", "415"} <= methods[method]["responses"].keys(), path
        pages = methods.get("get", {})
        if "Paginated" in str(pages.get("responses", {}).get("200")):
            assert {"cursor", "page_size"} <= {parameter["name"] for parameter in pages["parameters"]}, path
