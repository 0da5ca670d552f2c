"""Every figure compared with an independent source. A check says what it compared, so that a wrong one tells why."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from demo.contracts import FREE_UNITS, MONTHLY, MONTHS, PREPAID, RECORDS, SEATS, UNIT_PRICE
from demo.facts import Facts
from demo.job import BEYOND, BROKEN_OFF_AFTER, Run
from demo.open_data import OPEN_DATA
from demo.plan import Wanted
from market.kernel.money import to_text

CAPTURED = ("capture_net", "capture_commission", "capture_vat")
HOLDING = ("paid", "delivering", "delivered", "delivery_failed", "disputed", "accepted")
"""States in which an order's price is still in escrow, now that everything accepted has been captured."""

FORMULA_SIGNS = "=+-@\t\r"


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One comparison and how it ended."""

    claim: str
    holds: bool
    compared: str


def check(run: Run, facts: Facts) -> list[Check]:
    """Every check, in the order of the trade."""
    parts = (_orders, _refusals, _delivery, _acceptance, _contracts, _money, _settlement, _evidence)
    return [found for part in parts for found in part(run, facts)]


def same(claim: str, **sources: Any) -> Check:
    """All sources say the same. The comparison names them, and what they say: a number, or how many figures."""
    values = list(sources.values())
    names = [name.replace("_", " ") for name in sources]
    if any(value != values[0] for value in values):
        shown = "; ".join(f"{name}: {_short(value, values)}" for name, value in zip(names, values, strict=True))
        return Check(claim, False, shown)
    return Check(claim, True, f"{_size(values[0])} ({', '.join(names)})")


def _size(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return str(value) if isinstance(value, str | tuple) else f"{len(value):,} figures"


def _short(value: Any, values: list[Any]) -> str:
    """What a source says; of many figures, the first that not all sources share."""
    if all(isinstance(one, dict) for one in values):
        keys = sorted(set().union(*values))
        key = next(key for key in keys if any(one.get(key) != values[0].get(key) for one in values))
        return f"{key} = {value.get(key)}"
    return f"{value:,}" if isinstance(value, int) else str(value)[:120]


def _everything(run: Run) -> list[Wanted]:
    return [*run.plan.wanted, *run.plan.overdue]


def _orders(run: Run, facts: Facts) -> Iterator[Check]:
    yield Check("Every token speaks for its own organisation", run.seen.strangers == 0, f"{run.volume.buyers} buyers")
    yield same(
        "Every order is there, once",
        plan=run.volume.orders + run.volume.overdue,
        API=len(facts.orders),
        SQL=facts.database["orders"],
        report=len(facts.rows),
        contracts=facts.database["terms"],
    )
    yield same(
        "Every order costs what the catalogue said",
        catalogue={wanted.reference: wanted.amount for wanted in _everything(run)},
        API={order["client_reference"]: order["amount"] for order in facts.orders.values()},
        report={row["client_reference"]: int(row["amount_fen"]) for row in facts.rows},
    )
    yield same(
        "The prices together, in fen",
        catalogue=sum(wanted.amount for wanted in _everything(run)),
        orders=sum(order["amount"] for order in facts.orders.values()),
        escrowed=facts.moved("escrow"),
        SQL=facts.database["amount"],
        report=sum(int(row["amount_fen"]) for row in facts.rows),
    )
    new = [wanted for wanted in run.plan.wanted if wanted.choice.product["id"] == run.seen.listed]
    yield Check(
        "What a vendor listed today was approved, found and ordered",
        bool(new) and all(wanted.choice.product["certificate_number"] for wanted in new),
        f"{len(new)} orders, certificate {new[0].choice.product['certificate_number']}" if new else "no order",
    )
    sold = {wanted.choice.vendor_id for wanted in run.plan.wanted}
    yield same("Vendors who sold", plan=run.volume.vendors, API=len(sold), SQL=facts.database["vendors"])
    codes = {wanted.choice.open_data.code for wanted in run.plan.wanted if wanted.choice.open_data}
    yield same("Real open data sets traded", shipped=len(OPEN_DATA), orders=len(codes))
    yield same("All five kinds traded", report=len({row["product_kind"] for row in facts.rows}), kinds=5)


def _refusals(run: Run, facts: Facts) -> Iterator[Check]:
    yield same(
        "An order repeated under its key is the same order",
        first=run.plan.wanted[0].order_id,
        second=run.seen.replayed_order,
    )
    refusal = run.seen.refusal
    dear = max(run.plan.wanted, key=lambda wanted: wanted.choice.offer["amount"])
    yield same(
        "An order beyond the wallet is refused",
        wanted=f"409 insufficient_funds, {dear.choice.offer['amount'] * BEYOND:,} fen needed",
        answer=f"{refusal.status} {refusal.code}, {refusal.problem.get('needed', 0):,} fen needed" if refusal else "",
    )
    yield Check("... and has changed nothing", not run.seen.refusal_changed, "wallet and orders before and after")
    yield same("Another buyer's order does not exist", wanted=404, answer=run.seen.foreign_order)
    yield same("An auditor cannot buy", wanted=403, answer=run.seen.auditor_order)


def _delivery(run: Run, facts: Facts) -> Iterator[Check]:
    states = facts.states()
    delivered = run.delivered()
    yield same(
        "Cancelled orders",
        plan=len(run.cancelled),
        API=states["cancelled"],
        report=sum(row["state"] == "cancelled" for row in facts.rows),
    )
    damaged = facts.orders[run.plan.damaged.order_id]
    yield same(
        "The order with the damaged file failed, and was refunded",
        wanted="refunded, with a reason, 1 dead letter",
        answer=f"{damaged['state']}, {'with a' if damaged['failure_reason'] else 'no'} reason, "
        f"{facts.dead_jobs} dead letter",
    )
    back = {wanted.order_id: wanted.amount for wanted in [*run.cancelled, run.plan.damaged]}
    yield same(
        "Their money went back, to the fen",
        plan={order: amount for order, amount in back.items() if amount},
        transfers={row["subject_id"]: row["amount"] for row in facts.transfers if row["kind"] == "release"},
    )
    yield same(
        "Everything else was handed over",
        plan=len(delivered) + run.volume.overdue,
        entitlements=facts.database["entitlements"],
        downloads=len(run.seen.sha256) + run.volume.overdue,
    )
    yield same(
        "Every file is the one in the catalogue (SHA-256)",
        downloads=run.seen.sha256,
        catalogue={wanted.order_id: facts.catalogue_sha256[wanted.choice.product["id"]] for wanted in delivered},
    )
    real = {wanted.order_id: wanted.choice.open_data for wanted in delivered if wanted.choice.open_data}
    yield same(
        "Real open data is byte for byte the published file",
        downloads={order: run.seen.sha256[order] for order in real},
        package={order: run.published_sha256(data) for order, data in real.items()},
    )
    whole = run.seen.sizes[run.seen.resumed]
    first, last = sorted(facts.receipts, key=lambda receipt: receipt["range_start"])
    resumed_at = last["range_start"]
    yield Check(
        "A broken download was resumed, and both parts have a receipt",
        resumed_at >= BROKEN_OFF_AFTER
        and first["bytes_sent"] >= resumed_at
        and last["bytes_sent"] == whole - resumed_at,
        f"broke off at {resumed_at:,}, went on to {whole:,} bytes",
    )


def _acceptance(run: Run, facts: Facts) -> Iterator[Check]:
    states = facts.states()
    yield same(
        "Accepted and settled",
        plan=len(run.delivered()) + run.volume.overdue,
        API=states["settled"],
        report=sum(row["state"] == "settled" for row in facts.rows),
    )
    yield same(
        "Accepted by themselves, their time being over", plan=run.volume.overdue, evidence=facts.database["automatic"]
    )
    other = set(states) - {"settled", "cancelled", "refunded"}
    yield Check("No order is in any other state", not other, str(dict(states)))


def _contracts(run: Run, facts: Facts) -> Iterator[Check]:
    found = facts.contracts
    monthly = MONTHLY * SEATS
    yield same(
        "A subscription costs what was announced, and its months add up to that, in fen",
        computed=monthly * MONTHS,
        preview=found.previews["subscription"]["total"],
        contract=found.subscription["amount"],
        months=sum(month["amount"] for month in found.subscription["periods"]),
    )
    due = {"subscription": monthly, "metered": PREPAID}
    yield same(
        "Its first month, and what metered use pays ahead, are in escrow",
        computed=due,
        preview={model: preview["due_now"] for model, preview in found.previews.items()},
        API={model: order["amount"] for model, order in found.orders.items()},
        transfers=found.escrowed,
        report=found.rows,
    )
    yield same("A report of use that was sent twice counts once", sent=RECORDS, duplicates=found.duplicates)
    yield same(
        "Metered use: the units reported, less what was taken back",
        reported=found.reported,
        API=found.usage["units"],
        records=sum(record["units"] for record in found.records),
        SQL=found.database[0],
    )
    exact = Fraction(max(found.reported - FREE_UNITS, 0) * UNIT_PRICE, 10_000)
    yield same(
        "What it costs, computed again in exact fractions and rounded once, in fen",
        computed=math.floor(exact + Fraction(1, 2)),
        API=found.usage["drawn"],
        records=sum(record["drawn"] for record in found.records),
        SQL=found.database[1],
        prepayment=PREPAID - found.usage["left"],
    )
    yield same(
        "Its buyer has ended it; the rest returns after the last statement",
        wanted="last_statement",
        API=found.usage["next_deadline"]["what"],
    )
    yield same(
        "Their buyer's wallet: before + deposit - what is in escrow = after, in fen",
        computed=found.wallet_before + found.deposit - sum(due.values()),
        API=found.wallet,
    )


def _money(run: Run, facts: Facts) -> Iterator[Check]:
    spent: Counter[str] = Counter()
    for order in facts.orders.values():
        if order["state"] == "settled":
            spent[order["buyer"]["id"]] += order["amount"]
    yield same("Deposits", bank=run.seen.deposits, API=facts.deposits)
    yield same(
        "Each buyer's wallet: before + deposit - settled orders = after",
        computed={
            buyer: before + facts.deposits[buyer] - spent[buyer] for buyer, before in run.seen.wallets_before.items()
        },
        API=facts.wallets,
    )
    open_elsewhere = Counter(
        {
            buyer: sum(
                order["amount"]
                for order in facts.all_orders
                if order["buyer"]["id"] == buyer and order["state"] in HOLDING
            )
            for buyer in facts.escrows
        }
    )
    yield same("Each buyer's escrow holds its open orders, to the fen", orders=dict(open_elsewhere), API=facts.escrows)
    parts = sum(facts.moved(kind) for kind in CAPTURED)
    yield same(
        "Escrow in = captured + returned, in fen",
        escrowed=facts.moved("escrow"),
        captured_and_returned=parts + facts.moved("release"),
        SQL=sum(facts.database.get(kind, 0) for kind in (*CAPTURED, "release")),
    )
    wrong = [line for line in facts.lines.values() if not _divided_rightly(line, facts)]
    yield Check(
        "Each order's commission and VAT, computed again in exact fractions",
        not wrong and len(facts.lines) > 0,
        f"{len(facts.lines)} orders, each part within one fen of its share, parts adding up",
    )
    yield same("All balances add up to 0", wanted=0, API=sum(facts.balances.values()))
    looked = sum(finding.looked_at for finding in facts.reconciliation.findings)
    yield Check(
        "The exchange's own reconciliation finds no drift",
        facts.reconciliation.is_clean,
        f"{len(facts.reconciliation.findings)} rules over {looked:,} rows",
    )


def _divided_rightly(line: dict[str, Any], facts: Facts) -> bool:
    """By the fee schedule the line names: commission of the price, VAT contained in the price."""
    schedule = facts.schedules[line["fee_schedule_version"]]
    vat_bps = schedule[f"vat_{line['taxpayer_type']}_bps"]
    commission = Fraction(line["gross"] * schedule["commission_bps"], 10_000)
    vat = Fraction(line["gross"] * vat_bps, 10_000 + vat_bps)
    return (
        abs(line["commission"] - commission) < 1
        and abs(line["vat"] - vat) < 1
        and line["net"] + line["commission"] + line["vat"] == line["gross"]
    )


def _settlement(run: Run, facts: Facts) -> Iterator[Check]:
    captured = {order: line for order, line in facts.lines.items() if order in facts.orders}
    priced = {key: order for key, order in facts.orders.items() if order["state"] == "settled" and order["amount"]}
    yield same(
        "Each priced order is in one batch",
        orders=sorted(priced),
        batches=sorted(captured),
    )
    for part in ("net", "commission", "vat"):
        yield same(
            f"Captured {'VAT' if part == 'vat' else part} of this run, in fen",
            batches=sum(line[part] for line in captured.values()),
            transfers=facts.moved(f"capture_{part}"),
            report=sum(int(row[f"{part}_fen"] or 0) for row in facts.rows),
            SQL=facts.database.get(f"capture_{part}", 0),
        )
    payouts = {payout["id"]: payout["amount"] for batch in facts.batches for payout in batch["payouts"]}
    yield same(
        "Payouts: each batch's net is paid, in fen",
        batches=sum(batch["net"] for batch in facts.batches),
        payouts=sum(payouts.values()),
        transfers=sum(facts.payout_transfers.get(payout, 0) for payout in payouts),
        run=run.seen.settlement.net,
    )
    seen_batches, seen_orders = facts.vendor_view
    best = max(facts.batches, key=lambda batch: batch["net"])
    yield same(
        "The best paid vendor sees the same, and only its own",
        auditor=f"{best['net']:,} fen, {best['vendor']['name']}",
        vendor=f"{next(batch['net'] for batch in seen_batches if batch['id'] == best['id']):,} fen, "
        + " and ".join({row["vendor"]["name"] for row in [*seen_batches, *seen_orders]}),
    )


def _evidence(run: Run, facts: Facts) -> Iterator[Check]:
    report = facts.report
    yield same("The auditor's report arrived whole (SHA-256)", API=report["sha256"], download=report["received_sha256"])
    yield same(
        "... with every order since the market opened",
        API=len(facts.all_orders),
        report=len(facts.all_rows),
        announced=report["totals"]["rows"],
    )
    for name in ("amount", "net", "commission", "vat"):
        yield same(
            f"... and its {'VAT' if name == 'vat' else name}, added up anew, in fen",
            file=sum(int(row[f"{name}_fen"] or 0) for row in facts.all_rows),
            announced=report["totals"][f"{name}_fen"],
        )
    yuan = all(row["amount_yuan"] == to_text(int(row["amount_fen"])) for row in facts.all_rows)
    formulas = [value for row in facts.all_rows for value in row.values() if value[:1] and value[0] in FORMULA_SIGNS]
    yield Check("... its yuan agree with its fen, and no cell is a formula", yuan and not formulas, "every row")
    yield same("Every token of this run is revoked", issued=len(run.everybody), refused=facts.revoked_tokens)
    yield Check(
        "Every step left evidence",
        facts.database["events"] >= 2 * len(facts.orders),
        f"{facts.database['events']:,} audit events about {len(facts.orders)} orders",
    )
