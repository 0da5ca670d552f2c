"""Downloads by signed link: bytes, headers, refusals, and the receipts they leave."""

import base64
import hashlib
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.catalog.models import Asset
from market.delivery import links, services
from market.delivery.models import Entitlement, Receipt
from market.kernel import clock
from market.kernel.identifiers import uuid7
from tests import factories
from tests.delivery.trade import entitled, stored_path

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * 8
PATH = "2026/贵阳 气象.csv"


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


@pytest.fixture
def entitlement(market) -> Entitlement:
    return entitled(market, {PATH: CONTENT})


@pytest.fixture
def asset(entitlement) -> Asset:
    return entitlement.revision.assets.get()


@pytest.fixture
def link(entitlement, asset) -> str:
    return link_to(entitlement, asset)


def link_to(entitlement, asset, **changes) -> str:
    grant = {"entitlement_id": entitlement.id, "asset_id": asset.id, "expires_at": links.expiry()} | changes
    return f"/api/v1/downloads/{links.sign(links.Grant(**grant))}"


def get(link: str, **headers):
    """The answer with its body read to the end, when the test client closes it as a server does."""
    response = Client().get(link, headers=headers)
    if response.streaming:
        response.body = b"".join(response.streaming_content)
    return response


def receipts() -> list[tuple[int, int, int]]:
    return list(Receipt.objects.order_by("id").values_list("range_start", "bytes_requested", "bytes_sent"))


def assert_refused(response, status: int, code: str) -> None:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["instance"] == "/api/v1/downloads/", "a problem document does not repeat the link"
    assert receipts() == []


def test_whole_file(link, asset, market):
    response = get(link)
    assert response.status_code == 200
    assert response.body == CONTENT
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["ETag"] == f'"{asset.sha256}"'
    digest = base64.b64decode(response["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":"))
    assert digest == hashlib.sha256(CONTENT).digest()
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "text/csv"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "Set-Cookie" not in response
    receipt = Receipt.objects.get()
    assert (receipt.asset, receipt.range_start, receipt.bytes_sent) == (asset, 0, len(CONTENT))
    assert (receipt.buyer_org_id, receipt.vendor_org_id) == (market.buyer.id, market.vendor.id)
    assert receipt.started_at <= receipt.finished_at


def test_chinese_file_name(link):
    disposition = get(link)["Content-Disposition"]
    kind, _separator, name = disposition.partition("; filename*=")
    assert kind == "attachment"
    charset, _language, encoded = name.split("'")
    assert charset.lower() == "utf-8"
    assert unquote(encoded) == "贵阳 气象.csv"
    assert disposition.isascii()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('a"b\\c.csv', 'attachment; filename="a\\"b\\\\c.csv"'),
        ("evil\r\nSet-Cookie: a=b.csv", 'attachment; filename="evilSet-Cookie: a=b.csv"'),
        ("\r\n", 'attachment; filename="download"'),
    ],
)
def test_hostile_file_name(market, path, expected):
    """The catalogue refuses these; were one in the table all the same, it must not break out of its header."""
    entitlement = entitled(market, {path: CONTENT})
    response = get(link_to(entitlement, entitlement.revision.assets.get()))
    assert response["Content-Disposition"] == expected
    assert "Set-Cookie" not in response


def test_head_tells_all_and_sends_nothing(link, asset):
    response = Client().head(link, headers={"Range": "bytes=0-1"})
    assert response.status_code == 200, "a range is defined for GET only (RFC 9110, 14.2)"
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["ETag"] == f'"{asset.sha256}"'
    assert response.content == b""
    assert receipts() == []


def test_range_and_resumption(link, asset):
    first = get(link, Range="bytes=0-999")
    rest = get(link, **{"Range": "bytes=1000-", "If-Range": first["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first["Content-Range"] == f"bytes 0-999/{len(CONTENT)}"
    assert (first["Content-Length"], rest["Content-Length"]) == ("1000", str(len(CONTENT) - 1000))
    assert first.body + rest.body == CONTENT
    assert receipts() == [(0, 1000, 1000), (1000, len(CONTENT) - 1000, len(CONTENT) - 1000)]


@pytest.mark.parametrize("validator", ['"another"', 'W/"{sha256}"', "Mon, 23 Nov 2026 02:00:00 GMT", "{sha256}"])
def test_if_range_with_anything_but_the_strong_etag_sends_the_whole_file(link, asset, validator):
    response = get(link, **{"Range": "bytes=5-9", "If-Range": validator.format(sha256=asset.sha256)})
    assert response.status_code == 200
    assert response.body == CONTENT


def test_several_ranges_send_the_whole_file(link):
    response = get(link, Range="bytes=0-1,5-6")
    assert (response.status_code, response.body) == (200, CONTENT)


def test_range_outside_the_file(link):
    response = get(link, Range=f"bytes={len(CONTENT)}-")
    assert_refused(response, 416, "range_not_satisfiable")
    assert response["Content-Range"] == f"bytes */{len(CONTENT)}"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    header=st.one_of(st.text(max_size=40), st.text(alphabet="bytes=-,0123456789 ", max_size=30).map("bytes={}".format))
)
def test_any_range_header_is_answered_with_the_right_bytes(link, header):
    response = get(link, Range=header.encode("utf-8").decode("latin-1"))
    if response.status_code == 206:
        span, _slash, size = response["Content-Range"].removeprefix("bytes ").partition("/")
        first, last = map(int, span.split("-"))
        assert response.body == CONTENT[first : last + 1]
        assert int(size) == len(CONTENT)
    elif response.status_code == 200:
        assert response.body == CONTENT
    else:
        assert response.status_code == 416


def test_conditional_requests(link, asset):
    etag = f'"{asset.sha256}"'
    unmodified = get(link, **{"If-None-Match": etag})
    assert (unmodified.status_code, unmodified["ETag"]) == (304, etag)
    assert get(link, **{"If-Match": etag}).status_code == 200
    assert receipts() == [(0, len(CONTENT), len(CONTENT))]
    refused = get(link, **{"If-Match": '"another"'})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert len(receipts()) == 1


@pytest.mark.parametrize("accept", ["text/html", "application/octet-stream", "image/png;q=0.1", "nonsense"])
def test_accept_does_not_matter(link, accept):
    assert get(link, Accept=accept).status_code == 200


def test_expired_link(link):
    with clock.frozen_at(clock.now() + timedelta(seconds=899)):
        assert Client().head(link).status_code == 200
    with clock.frozen_at(clock.now() + timedelta(seconds=901)):
        assert_refused(get(link), 410, "link_expired")
        assert Client().head(link).status_code == 410


def test_altered_link(link, entitlement, asset):
    token = link.rpartition("/")[2]
    payload, _colon, signature = token.partition(":")
    other = links.sign(links.Grant(entitlement.id, uuid7(), links.expiry())).partition(":")[0]
    for forged in (
        token[:-1],
        token[1:],
        payload,
        f"{payload}:",
        f":{signature}",
        f"{other}:{signature}",
        "x",
        "%00",
        "贵",
    ):
        assert_refused(get(f"/api/v1/downloads/{forged}"), 403, "link_invalid")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 500), letter=st.characters(codec="utf-8", exclude_characters="/?#%"))
def test_no_single_changed_character_is_accepted(link, position, letter):
    prefix, _slash, token = link.rpartition("/")
    position %= len(token)
    forged = token[:position] + letter + token[position + 1 :]
    response = Client().head(f"{prefix}/{forged}")
    assert response.status_code == (200 if forged == token else 403)


def test_signed_for_something_else(entitlement, asset, market):
    """A link holds for one file under one entitlement, and a signature made for another purpose is none."""
    stranger = entitled(market, {"other.csv": b"x"})
    crossed = link_to(entitlement, stranger.revision.assets.get())
    assert_refused(get(crossed), 403, "link_invalid")
    assert_refused(get(link_to(entitlement, asset, entitlement_id=uuid7())), 403, "link_invalid")
    value = [entitlement.id.hex, asset.id.hex, int(links.expiry().timestamp())]
    other_salt = links.Signer(salt="elsewhere").sign_object(value)
    assert_refused(get(f"/api/v1/downloads/{other_salt}"), 403, "link_invalid")


def test_revoked_entitlement_closes_links_that_are_out(link, entitlement, market):
    operator = factories.actor_of(market.operator)
    services.revoke_entitlement(actor=operator, entitlement_id=entitlement.id, reason="Wrong buyer.")
    assert_refused(get(link), 403, "entitlement_revoked")
    assert Client().head(link).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_ended_entitlement_closes_links_that_are_out(entitlement, asset):
    end = clock.now() + timedelta(hours=1)
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("ALTER TABLE delivery_entitlement DISABLE TRIGGER delivery_entitlement_guard")
        Entitlement.objects.filter(id=entitlement.id).update(valid_until=end)
        cursor.execute("ALTER TABLE delivery_entitlement ENABLE TRIGGER delivery_entitlement_guard")
    with clock.frozen_at(end - timedelta(seconds=1)):
        link = link_to(entitlement, asset)
        assert Client().head(link).status_code == 200
    with clock.frozen_at(end):
        assert_refused(get(link), 403, "entitlement_ended")


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_damaged_store_is_said_before_the_first_byte(link, asset, damage):
    path = stored_path(asset)
    path.unlink() if damage == "missing" else path.write_bytes(CONTENT[:-1])
    assert_refused(get(link), 503, "asset_unavailable")


@pytest.mark.django_db(transaction=True)
def test_client_that_takes_a_part_leaves_a_receipt_of_that_part(market, monkeypatch):
    monkeypatch.setattr("market.delivery.services.sending.BLOCK", 100)
    entitlement = entitled(market, {PATH: CONTENT})
    response = Client().get(link_to(entitlement, entitlement.revision.assets.get()))
    blocks = iter(response.streaming_content)
    for _block in range(3):
        next(blocks)
    response.close()
    response.close()
    assert receipts() == [(0, len(CONTENT), 200)], "two blocks are known to have left, and one row is written"


def test_receipts_are_evidence(link):
    get(link)
    for statement in ("UPDATE delivery_receipt SET bytes_sent = 0", "DELETE FROM delivery_receipt"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert receipts() == [(0, len(CONTENT), len(CONTENT))]


def test_download_costs_the_same_few_queries(link, django_assert_num_queries):
    with django_assert_num_queries(3):  # entitlement, asset, receipt
        get(link)


def test_other_methods(link):
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)(link).status_code == 405
    assert urlsplit(link).query == ""
