"""What the files say, and that they add up."""

import datetime
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Organization
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.money import to_text
from market.ledger.models import Transfer
from market.orders import services as orders
from market.orders.models import Order
from market.reports import csv_stream
from market.reports.api.serializers import ReportRequestSerializer
from market.reports.exporters import exporters
from market.reports.exporters.base import Column, Exporter, SafeText, text
from market.reports.exporters.parameters import PeriodParameters
from market.settlement import services as settlement
from market.settlement.models import Payout
from tests import factories, trades
from tests.reports.conftest import content, export, lines

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00")


def test_transactions_tell_the_whole_story_of_an_order(market, auditor):
    order = trades.whole_trade(market)
    (line,) = lines(export(auditor))
    capture, payout = order.captures.get(), Payout.objects.get()
    assert line["order_number"] == order.number
    assert line["buyer_name"] == market.buyer.name
    assert line["vendor_uscc"] == market.vendor.uscc
    assert line["product_title"] == order.product.title
    assert (line["product_kind"], line["sector"], line["quantity"]) == ("dataset", "M", "1")
    assert (line["amount_yuan"], line["amount_fen"], line["currency"]) == ("100.00", "10000", "CNY")
    assert line["state"] == "settled"
    assert line["client_reference"] == order.client_reference
    assert line["terms_sha256"] == order.terms_sha256
    for name, value in {
        "placed_at": order.placed_at,
        "delivered_at": order.delivered_at,
        "accepted_at": order.accepted_at,
        "closed_at": order.closed_at,
        "captured_at": capture.captured_at,
        "settlement_cutoff": capture.batch_line.batch.cutoff,
    }.items():
        assert TIME.fullmatch(line[name])
        assert datetime.datetime.fromisoformat(line[name]) == value
    for name in ("net", "commission", "vat"):
        assert line[f"{name}_fen"] == str(getattr(capture, name))
        assert line[f"{name}_yuan"] == to_text(getattr(capture, name))
    assert (line["payout_reference"], line["payout_state"]) == (payout.reference, payout.state)


def test_an_order_that_has_not_come_so_far_has_empty_cells(market, auditor):
    trades.place(market)
    (line,) = lines(export(auditor))
    assert line["state"] == "paid"
    for name in ("delivered_at", "net_fen", "net_yuan", "captured_at", "settlement_cutoff", "payout_reference"):
        assert line[name] == ""


def test_a_bounced_payout_doubles_no_line(market, auditor):
    trades.whole_trade(market)
    payout = Payout.objects.get()
    operator = factories.actor_of(market.operator)
    settlement.bounce_payout(actor=operator, payout_id=payout.id, reason="Account closed")
    assert Payout.objects.filter(batch=payout.batch).count() == 2
    report = export(auditor)
    (line,) = lines(report)
    assert line["payout_reference"] == Payout.objects.exclude(id=payout.id).get().reference
    assert report.totals["rows"] == 1


def test_totals_are_those_that_a_reader_of_the_file_finds(market, auditor):
    for price in (1, 99, 10_000, 12_345):
        offer = factories.offer(market.offer.product, price)
        trades.settle(market, trades.place(market, offer=offer))
    trades.place(market)
    report = export(auditor)
    found = lines(report)
    assert report.totals["rows"] == len(found) == 5
    assert report.totals["amount_fen"] == sum(int(line["amount_fen"]) for line in found) == 32_445
    for name in ("net_fen", "commission_fen", "vat_fen"):
        assert report.totals[name] == sum(int(line[name] or 0) for line in found) > 0
    assert sum(int(line[f"{name}_fen"] or 0) for line in found for name in ("net", "commission", "vat")) == 22_445
    for line in found:
        assert line["amount_yuan"] == to_text(int(line["amount_fen"]))


def test_transfers_are_every_movement_and_balance(market, auditor):
    trades.whole_trade(market)
    report = export(auditor, "transfers")
    found = lines(report)
    assert len(found) == Transfer.objects.count() == report.totals["rows"]
    assert report.totals["amount_fen"] == sum(int(line["amount_fen"]) for line in found)
    by_kind = {line["kind"]: line for line in found}
    assert (by_kind["deposit"]["debit_account"], by_kind["deposit"]["credit_account"]) == ("bank", "wallet")
    assert by_kind["escrow"]["debit_uscc"] == by_kind["escrow"]["credit_uscc"] == market.buyer.uscc
    assert by_kind["capture_net"]["credit_uscc"] == market.vendor.uscc
    captured = sum(int(by_kind[kind]["amount_fen"]) for kind in ("capture_net", "capture_commission", "capture_vat"))
    assert captured == int(by_kind["escrow"]["amount_fen"])


def test_events_are_the_evidence_with_its_details(market, auditor):
    order = trades.place(market)
    report = export(auditor, "events", subject=str(order.id))
    (line,) = lines(report)
    event = AuditEvent.objects.get(subject_id=order.id)
    assert line["name"] == "order.placed"
    assert line["actor"] == market.purchaser.user.email
    assert line["event_id"] == str(event.id)
    assert '"amount": 10000' in line["payload"]
    everything = export(auditor, "events")
    # The request of this very report is in its own snapshot: it was committed before.
    assert everything.totals["rows"] == len(lines(everything)) == AuditEvent.objects.count() - 1


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, {"old", "new", "other"}),
        ({"state": "cancelled"}, {"other"}),
        ({"vendor": "first"}, {"old", "new"}),
        ({"buyer": "second"}, {"other"}),
        ({"date_from": "2026-03-02"}, {"new", "other"}),
        ({"date_until": "2026-03-01"}, {"old"}),
        ({"date_from": "2026-03-01", "date_until": "2026-03-01"}, {"old"}),
        ({"date_from": "2026-03-02", "vendor": "first"}, {"new"}),
        ({"date_from": "2030-01-01"}, set()),
    ],
)
def test_filters(market, auditor, parameters, found):
    second = factories.market()
    # The last microsecond and the first of two business days in Asia/Shanghai.
    midnight = clock.business_midnight(datetime.date(2026, 3, 2))
    with clock.frozen_at(midnight - datetime.timedelta(microseconds=1)):
        trades.place(market, "old")
    with clock.frozen_at(midnight):
        trades.place(market, "new")
    other = trades.place(second, "other")
    orders.cancel(actor=factories.actor_of(second.purchaser), order_id=other.id)
    keys = {
        "first": {"vendor": str(market.vendor.id), "buyer": str(market.buyer.id)},
        "second": {"vendor": str(second.vendor.id), "buyer": str(second.buyer.id)},
    }
    wanted = {name: keys[value][name] if value in keys else value for name, value in parameters.items()}
    report = export(auditor, **wanted)
    assert {line["client_reference"] for line in lines(report)} == found
    assert report.totals["rows"] == len(found)


def test_transfers_and_events_are_filtered_too(market, auditor):
    second = factories.market()
    trades.place(second)
    of_second = lines(export(auditor, "transfers", organization=str(second.buyer.id)))
    assert {line["kind"] for line in of_second} == {"deposit", "escrow"}
    assert len(lines(export(auditor, "transfers", kind="deposit"))) == 2
    assert lines(export(auditor, "transfers", date_until="2020-01-01")) == []
    named = lines(export(auditor, "events", name="order.placed"))
    assert [line["buyer_org_id"] for line in named] == [str(second.buyer.id)]
    assert lines(export(auditor, "events", organization=str(second.vendor.id), name="order.placed")) == named


def test_words_that_a_spreadsheet_would_obey_are_disarmed_and_numbers_are_not(market, auditor):
    Organization.objects.filter(id=market.buyer.id).update(name="=HYPERLINK(1)")
    product = factories.product(market.vendor, title="'quoted\nand, broken\"")
    factories.revision(product)
    trades.place(market, "-2+3", offer=factories.offer(product))
    (line,) = lines(export(auditor))
    assert line["buyer_name"] == "'=HYPERLINK(1)"
    assert line["client_reference"] == "'-2+3"
    assert line["product_title"] == "''quoted\nand, broken\""
    assert line["amount_fen"] == "10000"


def disarmed(value: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + SafeText.template % {"expressions": "%s::text"}, [value])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8))
def test_any_text_can_be_read_back_and_no_text_is_a_formula(value):
    shown = disarmed(value)
    assert shown[:1] not in set("=+-@\t\r\n＝＋－＠")
    assert (shown[1:] if shown.startswith("'") else shown) == value


@pytest.mark.django_db
@pytest.mark.parametrize("first", list("=+-@\t\r\n'＝＋－＠"))
def test_each_dangerous_beginning_is_disarmed(first):
    assert disarmed(f"{first}1") == f"'{first}1"
    assert disarmed(first) == f"'{first}"
    assert disarmed(f"1{first}") == f"1{first}"


def test_every_column_of_words_is_escaped_and_no_column_of_numbers_is():
    words = re.compile(r"name|title|code|reference|actor$|organization$|payload|request_id|business_key")
    ours = {"payout_reference"}
    for exporter in exporters():
        for column in exporter.columns:
            is_escaped = isinstance(column.expression, SafeText)
            is_words = bool(words.search(column.name)) and column.name not in ours and column.name != "name"
            assert is_escaped == is_words, f"{exporter.identifier}.{column.name}"


def test_byte_order_mark_only_for_spreadsheets(market, auditor):
    trades.place(market)
    without, marked = export(auditor), export(auditor, for_spreadsheet=True)
    assert content(marked) == b"\xef\xbb\xbf" + content(without)
    assert content(without).startswith(b"order_number,order_id,buyer_name,")


def test_digest_and_size_are_those_of_the_file(market, auditor):
    trades.place(market)
    report = export(auditor)
    assert report.sha256 == hashlib.sha256(content(report)).hexdigest()
    assert report.bytes == len(content(report))
    assert report.percent == 100


@pytest.mark.parametrize("exporter", [exporter.identifier for exporter in exporters()])
def test_an_empty_market_is_a_header_and_zeros(transactional_db, exporter):
    operator = factories.actor_of(factories.member(factories.organization("operator"), "operator"))
    report = export(operator, exporter, date_until="2000-01-01")
    assert content(report).count(b"\n") == 1
    assert set(report.totals.values()) == {0}


def test_lines_and_totals_are_of_one_moment_whatever_happens_meanwhile(market, auditor):
    trades.place(market)
    exporter = next(found for found in exporters() if found.identifier == "transactions")

    def buy() -> None:
        trades.place(market)
        connection.close()

    with csv_stream.snapshot() as cursor:
        totals = csv_stream.totals(cursor, exporter, {})
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(buy).result()
        assert Order.objects.count() == 2
        file = csv_stream.CsvFile(cursor, exporter, {}, lambda rows: None)
        written = b"".join(file.chunks())
    assert file.rows == totals["rows"] == 1
    assert written.count(b"\n") == 2


def test_pieces_are_bounded_however_many_rows(market):
    """The stream never holds more than one piece and one row; each is passed on before the next is read."""
    exporter = Exporter(
        identifier="many",
        title="",
        explanation="",
        parameters=PeriodParameters,
        rows=lambda parameters: Organization.objects.filter(id=market.buyer.id),
        columns=(text("name", "name"), Column("n", SeriesOfNumbers())),
        order_by="c1",
    )
    seen = []
    with csv_stream.snapshot() as cursor:
        file = csv_stream.CsvFile(cursor, exporter, {}, seen.append)
        sizes = [len(piece) for piece in file.chunks()]
    assert file.rows == 50_000
    assert len(sizes) > 4
    assert max(sizes) < csv_stream.PIECE_BYTES + 200
    assert seen == sorted(seen)
    assert len(seen) == len(sizes)


class SeriesOfNumbers(SafeText):
    """Fifty thousand rows out of one."""

    template = "generate_series(1, 50000)"
    set_returning = True

    def __init__(self) -> None:
        super().__init__()


def test_the_description_names_every_exporter_and_parameter():
    """docs/reports.md and the API's own description say what there is."""
    described = (settings.BASE_DIR / "docs" / "reports.md").read_text()
    in_api = str(ReportRequestSerializer().fields["exporter"].help_text) + str(
        ReportRequestSerializer().fields["parameters"].help_text
    )
    for exporter in exporters():
        assert f"| `{exporter.identifier}` |" in described
        for name in exporter.parameters().fields:
            assert f"`{name}`" in described, name
            assert f"`{name}`" in in_api, name
