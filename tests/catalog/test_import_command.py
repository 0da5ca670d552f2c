"""``manage.py import_products``: a list from another system."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from market.catalog.models import Asset, Product
from market.catalog.states import ProductState
from tests.catalog.conftest import CSV


@pytest.fixture
def line(stall) -> dict:
    return {
        "vendor": stall.vendor.uscc,
        "code": "OLD-1",
        "title": "路况",
        "description": "逐小时路况。",
        "kind": "dataset",
        "sector": "G",
        "rights_basis": "operation",
        "files": [{"path": "2026/road.csv", "file": "files/road.csv"}],
        "offers": [{"price_model": "one_off", "amount": 500, "licence": "Internal use."}],
    }


@pytest.fixture
def run(stall, tmp_path):
    folder = tmp_path / "handover"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "road.csv").write_bytes(CSV)
    (tmp_path / "secret.txt").write_text("not for sale")

    def run(*lines: dict | str, operator: str = "") -> str:
        listing = folder / "list.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        listing.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        output = io.StringIO()
        email = operator or stall.operator.user.email
        call_command("import_products", str(listing), operator=email, reasons="by the old exchange", stdout=output)
        return output.getvalue()

    return run


def test_products_come_in_listed(stall, run, line):
    assert "Imported 2 products" in run(line, line | {"code": "OLD-2"})
    product = Product.objects.get(code="OLD-1")
    assert product.state == ProductState.LISTED
    assert product.reviews.get().reasons == "by the old exchange"
    assert product.reviews.get().decided_by == stall.operator.user
    assert product.revisions.get().assets.get().path == "2026/road.csv"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": ""}, "line 2, title"),
        ({"offers": [{"price_model": "one_off", "amount": 0, "licence": "x"}]}, "line 2, offers/0/amount"),
        ({"colour": "red"}, "line 2: unknown: colour"),
        ({"vendor": ["x"]}, "line 2: not of the right kind: vendor"),
        ({"title": 5, "sample": {}}, "line 2: not of the right kind: title, sample"),
        ({"offers": [{"cost": 5}]}, "line 2: unknown: cost"),
        ({"offers": [{"price": 5}]}, "line 2: not of the right kind: price"),
        ({"offers": [{"price": {"discount": 5}}]}, "line 2: unknown in price: discount"),
        ({"offers": [{"price_model": "one_off"}]}, "line 2"),
        ({"files": [{"path": 5, "file": "files/road.csv"}]}, "line 2: a file looks like"),
        ({"offers": 5}, "line 2"),
        ({"files": [{"path": "x"}]}, "line 2: a file looks like"),
        ({"files": [{"path": "x", "file": "../secret.txt"}]}, "outside the list's folder"),
        ({"files": [{"path": "x", "file": "/etc/hostname"}]}, "outside the list's folder"),
        ({"files": [{"path": "x", "file": "files/missing"}]}, "missing"),
        ({"grade": "core"}, "core data"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_keeps_everything_out(run, line, stored_files, change, said):
    before = stored_files()
    with pytest.raises(CommandError) as error:
        run(line, line | {"code": "OLD-2"} | change)
    assert said in str(error.value)
    assert not Product.objects.exists()
    assert not Asset.objects.exists()
    assert stored_files() == before


@pytest.mark.parametrize("text", ["", "[]", "{", "7", '{"vendor": "x"}'])
def test_a_line_that_is_no_product(run, line, text):
    with pytest.raises(CommandError) as error:
        run(line, text)
    assert "line 2" in str(error.value)
    assert not Product.objects.exists()


def test_only_an_operator_can_vouch(stall, run, line):
    for email in (stall.lister.user.email, "nobody@example.cn"):
        with pytest.raises(CommandError):
            run(line, operator=email)
    assert not Product.objects.exists()
