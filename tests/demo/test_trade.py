"""The main job of ``make demo``, smaller: real web server, worker and beat. And its checks can fail."""

import copy
import dataclasses
import os
import signal
import subprocess
import sys

import httpx
import pytest
from rich.console import Console

from demo.__main__ import trade
from demo.checks import check, same
from demo.damage import KEPT
from demo.load import Sizes, load
from demo.plan import Volume
from demo.processes import exchange
from demo.progress import bars
from demo.summary import show, yuan

MARKET = Sizes(vendors=70, products=160, buyers=5)
VOLUME = Volume(buyers=4, vendors=24, orders=40, cancelled=3, overdue=2)


@pytest.mark.django_db(transaction=True)
def test_a_whole_trade_checks_and_every_altered_figure_is_found(child_environment, clean_redis, tmp_path, settings):
    load(sizes=MARKET)
    screen = Console(file=(tmp_path / "screen.txt").open("w"), width=120)
    with bars(screen) as progress, exchange(tmp_path, child_environment) as running:
        run, facts, checks = trade(screen, progress, running, VOLUME)
    failed = [found for found in checks if not found.holds]
    assert not failed and len(checks) > 40
    assert not list(settings.VAR_DIR.rglob("*" + KEPT))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.address}/healthz")
    show(screen, facts, checks, run.report_path, 1.0)
    screen.file.flush()
    told = (tmp_path / "screen.txt").read_text()
    assert "All balances add up" in told and str(VOLUME.orders + VOLUME.overdue) in told
    for altered, claim in _alterations(facts):
        broken = {found.claim for found in check(run, altered) if not found.holds}
        assert any(claim in one for one in broken), claim


def _alterations(facts):
    """One figure changed by one, each time in another source; and a word of the claim that must not hold then."""

    def changed(change):
        altered = copy.deepcopy(facts)
        change(altered)
        return altered

    def first(rows, **wanted):
        return next(row for row in rows if all(row[name] == value for name, value in wanted.items()))

    def raise_by_one(row, name):
        row[name] = type(row[name])(int(row[name]) + 1)

    order = next(key for key, row in facts.orders.items() if row["state"] == "settled" and row["amount"])
    yield changed(lambda f: raise_by_one(f.orders[order], "amount")), "costs what the catalogue"
    yield changed(lambda f: f.orders.pop(order)), "Every order is there"
    yield changed(lambda f: raise_by_one(first(f.transfers, kind="escrow"), "amount")), "prices together"
    yield changed(lambda f: raise_by_one(first(f.transfers, kind="capture_vat"), "amount")), "Captured VAT"
    yield changed(lambda f: raise_by_one(first(f.transfers, kind="release"), "amount")), "money went back"
    yield changed(lambda f: raise_by_one(first(f.rows, state="settled"), "amount_fen")), "prices together"
    yield changed(lambda f: f.all_rows.pop()), "every order since"
    yield changed(lambda f: raise_by_one(f.all_rows[0], "amount_fen")), "its amount"
    yield changed(lambda f: f.all_rows[0].update(buyer_name="=1+1")), "no cell is a formula"
    yield changed(lambda f: f.balances.update(wallet=1)), "All balances"
    yield changed(lambda f: f.wallets.update({next(iter(f.wallets)): 1})), "wallet"
    yield changed(lambda f: f.escrows.update({next(iter(f.escrows)): 1})), "escrow holds"
    yield changed(lambda f: raise_by_one(f.lines[order], "commission")), "Captured commission"
    yield changed(lambda f: raise_by_one(f.lines[order], "gross")), "computed again"
    yield changed(lambda f: raise_by_one(f.batches[0], "net")), "net is paid"
    yield changed(lambda f: f.report.update(received_sha256="0" * 64)), "arrived whole"
    yield changed(lambda f: f.receipts[0].update(bytes_sent=1)), "resumed"
    yield changed(lambda f: f.database.update(automatic=0)), "by themselves"
    yield changed(lambda f: raise_by_one(f.contracts.subscription["periods"][1], "amount")), "months add up"
    yield changed(lambda f: f.contracts.escrowed.update(metered=1)), "pays ahead, are in escrow"
    yield changed(lambda f: raise_by_one(f.contracts.usage, "units")), "less what was taken back"
    yield changed(lambda f: raise_by_one(f.contracts.usage, "drawn")), "exact fractions and rounded once"
    yield changed(lambda f: f.contracts.usage.update(next_deadline={"what": "statement"})), "buyer has ended it"
    yield changed(lambda f: setattr(f.contracts, "wallet", 0)), "Their buyer's wallet"
    yield changed(lambda f: setattr(f.contracts, "duplicates", 0)), "sent twice counts once"
    yield changed(lambda f: f.catalogue_sha256.update(dict.fromkeys(f.catalogue_sha256, "0"))), "in the catalogue"


def test_a_check_names_the_figure_that_differs():
    found = same("x", one={"a": 1, "b": 2}, other={"a": 1, "b": 3})
    assert not found.holds and found.compared == "one: b = 2; other: b = 3"
    assert same("x", one=1_234, other=1_234) == dataclasses.replace(found, holds=True, compared="1,234 (one, other)")


@pytest.mark.parametrize("fen, text", [(0, "0.00"), (5, "0.05"), (-123456, "-1,234.56"), (10**11, "1,000,000,000.00")])
def test_yuan(fen, text):
    assert yuan(fen) == text


SCRIPT = """
import sys, time
from pathlib import Path
from demo.processes import exchange
with exchange(Path(sys.argv[1])) as running:
    running.start_web()
    running.start_workers()
    print(*(child.pid for child in running._children.values()), flush=True)
    time.sleep(600)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_demo(child_environment, clean_redis, tmp_path, wait_until, how):
    demo = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=child_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=os.getcwd(),
    )
    children = [int(word) for word in demo.stdout.readline().split()]
    assert len(children) == 3
    demo.send_signal(how)
    demo.wait(60)
    wait_until(lambda: not any(_lives(child) for child in children), "the children to end", seconds=30)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
