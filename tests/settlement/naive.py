"""The books kept a second time, slowly and in plain Python, from files and docs alone: docs/ledger.md for who gets
what, docs/decisions/0010 for how an amount is divided, docs/fees.md for the commission, docs/decisions/0011 for what a
batch takes.

Nothing of the exchange is imported. What people did and when (deposits by their evidence, orders and what became of
them, charges, announced fees, how much was given back, payouts that left, came back or were given up) is believed; what
follows from it (each transfer, each part of each capture and refund, what was advanced and repaid, each batch and what
it carries over, each payout, each balance, how long a vendor has owed what) is worked out again and compared, to the
fen.

By hand: ``python tests/settlement/naive.py FOLDER`` with the CSV files that ``tests/settlement/exported.py`` writes.
"""

import csv
import datetime
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

NEVER_PAID = ("awaiting_approval", "awaiting_funds", "expired")


def cut(amount: int, exact: dict[str, Fraction]) -> dict[str, int]:
    """Exact shares in whole fen: the fen left over go to the largest remainders, the first among equals."""
    parts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: parts[name] - exact[name])
    for name in by_remainder[: amount - sum(parts.values())]:
        parts[name] += 1
    return parts


def numbers(text: str) -> list[int]:
    """``{1,2}`` as PostgreSQL writes it."""
    return [int(word) for word in text.strip("{}").split(",") if word]


def commission(fees: dict[str, str], before: int, gross: int) -> Fraction:
    """Of an amount that comes on top of ``before`` in its month: what lies in each tier at the tier's rate."""
    volumes, rates = [0, *numbers(fees["tier_volumes"])], [int(fees["commission_bps"]), *numbers(fees["tier_bps"])]
    rest, at, total = gross, before, Fraction(0)
    while rest:
        rate = [bps for volume, bps in zip(volumes, rates, strict=True) if volume <= at][-1]
        piece = min([rest, *(volume - at for volume in volumes if volume > at)])
        total += Fraction(piece * rate, 10_000)
        rest, at = rest - piece, at + piece
    return total


def division(gross: int, commission: Fraction, vat_bps: int) -> dict[str, int]:
    """Commission is of the amount, VAT is what an amount including it contains, the vendor has the rest."""
    vat = Fraction(gross * vat_bps, 10_000 + vat_bps)
    return cut(gross, {"net": gross - commission - vat, "commission": commission, "vat": vat})


class Vendor:
    """What one vendor's next batch will need to know."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, str]] = {}  # captures in no batch yet
        self.left = 0  # what earlier batches left to pay, below zero when more was taken back since
        self.must_repay = False  # something was earned since the last look at what is owed
        self.advances: list[list] = []  # what the exchange advanced, oldest first: the day, and fen not repaid


class Books:
    """What is in the folder, and what should be. ``wrong`` names every difference."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrong: list[str] = []
        self.accounts = {row["id"]: row for row in self.rows("accounts")}
        self.schedules = sorted(self.rows("schedules"), key=lambda row: (row["effective_from"], int(row["version"])))
        self.overrides: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        for row in self.rows("overrides"):
            self.overrides[row["schedule_id"]][row["vendor_org_id"] or row["sector"]] = row
        self.sectors = {row["order_id"]: row["sector"] for row in self.rows("sectors")}
        self.orders = {row["id"]: row for row in self.rows("orders")}
        self.captures = {row["id"]: row for row in self.rows("captures")}
        self.charges = {row["id"]: row for row in self.rows("charges")}
        self.lines = {row["capture_id"]: row["batch_id"] for row in self.rows("lines")}
        self.payouts: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in self.rows("payouts"):
            self.payouts[row["batch_id"]].append(row)
        self.bank = next(row["organization_id"] for row in self.accounts.values() if row["kind"] == "bank")
        # capture -> what was captured for its vendor in the month before it
        self.before: dict[str, int] = {}
        # (kind of account, whose) -> fen
        self.balances: Counter[tuple[str, str]] = Counter()
        # what it was for -> every movement: kind, from, to, fen
        self.movements: dict[str, list[tuple]] = defaultdict(list)
        self.vendors: dict[str, Vendor] = defaultdict(Vendor)
        # order -> what of each part was captured and has not gone back
        self.remaining: dict[str, Counter[str]] = defaultdict(Counter)
        self.refunds: Counter[str] = Counter()

    def rows(self, table: str) -> Iterator[dict[str, str]]:
        """The lines of one file, each a dict of texts."""
        with (self.folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def same(self, what: str, expected: object, found: object) -> None:
        """Note a difference."""
        if expected != found:
            self.wrong.append(f"{what}: {found}, should be {expected}")

    def move(self, subject: str, kind: str, debit: tuple[str, str], credit: tuple[str, str], amount: int) -> None:
        """One movement that should have been made; of nothing there is none."""
        if amount:
            self.movements[subject].append((kind, debit, credit, amount))
            self.balances[debit] -= amount
            self.balances[credit] += amount

    def schedule_at(self, moment: str) -> dict[str, str]:
        """The fees in force: what began last, the higher version of two that began together."""
        return [row for row in self.schedules if row["effective_from"] <= moment][-1]

    # --- What should have happened ---

    def deposits(self) -> None:
        """By the evidence."""
        for row in self.rows("deposits"):
            amount = json.loads(row["payload"])["amount"]
            self.move(
                row["transfer_id"], "deposit", ("bank", self.bank), ("wallet", row["on_behalf_of_org_id"]), amount
            )

    def trades(self) -> None:
        """Into escrow, and back what nobody is owed."""
        paid = {row["subject_id"] for row in self.rows("paid")}
        charged: Counter[str] = Counter()
        final = set()
        for row in self.charges.values():
            charged[row["order_id"]] += int(row["amount"])
            if row["is_final"] == "t":
                final.add(row["order_id"])
        for key, order in self.orders.items():
            waited = order["approval_due_at"] or order["funds_due_at"]
            is_void = order["state"] in NEVER_PAID or (order["state"] == "cancelled" and waited and key not in paid)
            amount = 0 if is_void else int(order["amount"])
            is_over = order["state"] in ("cancelled", "refunded") or key in final
            wallet, escrow = ("wallet", order["buyer_org_id"]), ("escrow", order["buyer_org_id"])
            self.move(key, "escrow", wallet, escrow, amount)
            self.move(key, "release", escrow, wallet, amount - charged[key] if is_over else 0)

    def diary(self) -> None:
        """What vendors earned, were paid, and had to give back, in the order in which it happened."""
        payouts = [row for rows in self.payouts.values() for row in rows]
        # What happened in one moment happened in this order.
        chapters = (
            (self.captured, "captured_at", self.captures.values()),
            (self.repaid, "occurred_at", self.rows("repayments")),
            (self.batched, "created_at", self.rows("batches")),
            (self.sent, "sent_at", [row for row in payouts if row["sent_at"]]),
            (self.bounced, "ended_at", [row for row in payouts if row["state"] == "bounced"]),
            (self.given_up, "ended_at", [row for row in payouts if row["state"] == "void"]),
            (self.given_back, "refunded_at", self.rows("refunds")),
            (self.corrected, "decided_at", self.rows("corrections")),
        )
        pages = [(row[moment], number, row) for number, (_act, moment, rows) in enumerate(chapters) for row in rows]
        for _moment, number, row in sorted(pages, key=lambda page: page[:2]):
            chapters[number][0](row)
        self.same("lines of no batch", {}, self.lines)
        self.same("payouts of no batch", {}, dict(self.payouts))
        self.closed()

    def volumes(self) -> None:
        """The captures of a vendor's month lie end to end, and add up to the month."""
        months: dict[tuple[str, ...], list[tuple[int, str]]] = defaultdict(list)
        for key, capture in self.captures.items():
            month = business_day(capture["captured_at"]).replace(day=1).isoformat()
            months[capture["vendor_org_id"], capture["currency"], month].append((int(capture["volume_before"]), key))
        volumes: Counter[tuple[str, ...]] = Counter()
        for month, captures in months.items():
            for _told, key in sorted(captures):
                self.before[key] = volumes[month]
                volumes[month] += int(self.captures[key]["gross"])
        kept = {
            (row["vendor_org_id"], row["currency"], row["month"]): int(row["gross"]) for row in self.rows("volumes")
        }
        self.same("volumes", dict(volumes), kept)

    def captured(self, capture: dict[str, str]) -> None:
        """A charge divided, by the fees of its moment, the volume of its month, its sector and the vendor's taxpayer
        type then."""
        key, charge, order = capture["id"], self.charges[capture["charge_id"]], self.orders[capture["order_id"]]
        gross, vendor, sector = int(charge["amount"]), order["vendor_org_id"], self.sectors[order["id"]]
        fees = self.schedule_at(capture["captured_at"])
        special = self.overrides[fees["id"]]
        scale = special.get(vendor) or special.get(sector) or fees
        vat_bps = 0 if capture["taxpayer_type"] == "exempt" else int(fees[f"vat_{capture['taxpayer_type']}_bps"])
        parts = division(gross, commission(scale, self.before[key], gross), vat_bps)
        told = {name: int(capture[name]) for name in ("volume_before", "gross", *PARTS)}
        self.same(f"capture {key}", {"volume_before": self.before[key], "gross": gross, **parts}, told)
        found = (capture["vendor_org_id"], order["id"], capture["sector"])
        self.same(f"vendor of capture {key}", (vendor, charge["order_id"], sector), found)
        self.same(f"fees of capture {key}", fees["id"], capture["schedule_id"])
        escrow = ("escrow", order["buyer_org_id"])
        self.move(order["id"], "capture_net", escrow, ("payable", vendor), parts["net"])
        self.move(order["id"], "capture_commission", escrow, ("commission", vendor), parts["commission"])
        self.move(order["id"], "capture_vat", escrow, ("vat", vendor), parts["vat"])
        capture.update({name: str(amount) for name, amount in parts.items()})
        self.remaining[order["id"]].update(parts)
        self.vendors[vendor].waiting[key] = capture
        self.vendors[vendor].must_repay = True

    def repaid(self, row: dict[str, str]) -> None:
        """What is payable repays what was advanced, the oldest first."""
        name = row["vendor_org_id"]
        vendor, payable, receivable = self.vendors[name], ("payable", name), ("receivable", name)
        amount = min(self.balances[payable], -self.balances[receivable])
        self.move(row["receivable_id"], "repayment", payable, receivable, amount)
        vendor.left -= amount
        vendor.must_repay = False
        for advance in vendor.advances:
            part = min(amount, advance[1])
            advance[1] -= part
            amount -= part

    def batched(self, batch: dict[str, str]) -> None:
        """A batch takes what was captured for its vendor before its cutoff and stands in none yet, and pays that with
        what earlier ones left over."""
        key, vendor = batch["id"], self.settled_up(batch["vendor_org_id"])
        due = [capture for capture, row in vendor.waiting.items() if row["captured_at"] < batch["cutoff"]]
        self.same(f"lines of batch {key}", {key} if due else set(), {self.lines.pop(each, "none") for each in due})
        taken = [vendor.waiting.pop(capture) for capture in due]
        for name in ("gross", *PARTS):
            self.same(f"{name} of batch {key}", sum(int(row[name]) for row in taken), int(batch[name]))
        self.same(f"orders of batch {key}", len(taken), int(batch["order_count"]))
        self.same(f"carried over into batch {key}", vendor.left, int(batch["carried"]))
        for row in taken:
            self.charges[row["charge_id"]]["is_paid"] = "t"
            vendor.left += int(row["net"])
        vendor.left -= self.pays(batch, max(0, vendor.left))

    def pays(self, batch: dict[str, str], due: int) -> int:
        """A batch has a payout for what is due; after one that came back another of the same amount. Returns that."""
        payouts = self.payouts.pop(batch["id"], [])
        last = [row for row in payouts if row["state"] != "bounced"]
        self.same(f"payouts of batch {batch['id']} that did not come back", int(due > 0), len(last))
        self.same(f"payouts of batch {batch['id']}", {due} if due else set(), {int(row["amount"]) for row in payouts})
        return due

    def sent(self, row: dict[str, str]) -> None:
        """Nothing leaves for a vendor who still owes, or beyond what is payable."""
        vendor = row["vendor_org_id"]
        self.settled_up(vendor)
        self.same(f"owed by {vendor} before payout {row['reference']}", 0, -self.balances["receivable", vendor])
        self.move(row["id"], "payout", ("payable", vendor), ("bank", self.bank), int(row["amount"]))
        self.same(f"payable of {vendor} overdrawn by {row['reference']}", 0, min(0, self.balances["payable", vendor]))

    def bounced(self, row: dict[str, str]) -> None:
        """It is payable again; another payout of the batch waits in its place."""
        self.move(
            row["id"], "payout_bounced", ("bank", self.bank), ("payable", row["vendor_org_id"]), int(row["amount"])
        )

    def given_up(self, row: dict[str, str]) -> None:
        """What it would have paid is due with the next batch."""
        self.vendors[row["vendor_org_id"]].left += int(row["amount"])

    def given_back(self, refund: dict[str, str]) -> None:
        """From net, commission and VAT in the proportions of what is left of each; what the vendor's payable does not
        hold of the net, the exchange advances."""
        key, order = refund["id"], self.orders[refund["order_id"]]
        remaining, amount, vendor = self.remaining[order["id"]], int(refund["amount"]), order["vendor_org_id"]
        total = sum(remaining.values())
        self.same(f"beyond what was captured, refund {key}", 0, max(0, amount - total))
        parts = cut(amount, {name: Fraction(amount * remaining[name], total or 1) for name in PARTS})
        self.settled_up(vendor)
        advanced = max(0, parts["net"] - self.balances["payable", vendor])
        told = {name: int(refund[name]) for name in (*PARTS, "advanced")}
        self.same(f"refund {key}", {**parts, "advanced": advanced}, told)
        self.refunds[order["id"]] += 1
        self.same(f"number of refund {key}", self.refunds[order["id"]], int(refund["number"]))
        wallet = ("wallet", order["buyer_org_id"])
        self.move(order["id"], "refund_net", ("payable", vendor), wallet, parts["net"] - advanced)
        self.move(order["id"], "refund_advance", ("receivable", vendor), wallet, advanced)
        self.move(order["id"], "refund_commission", ("commission", vendor), wallet, parts["commission"])
        self.move(order["id"], "refund_vat", ("vat", vendor), wallet, parts["vat"])
        remaining.subtract(parts)
        self.vendors[vendor].left -= parts["net"] - advanced
        if advanced:
            self.vendors[vendor].advances.append([business_day(refund["refunded_at"]), advanced])

    def corrected(self, row: dict[str, str]) -> None:
        """Two persons agreed on a movement; what it does to a payable is due, or not due, with the next batch."""
        debit, credit = [
            (self.accounts[row[side]]["kind"], self.accounts[row[side]]["organization_id"]) for side in SIDES
        ]
        self.move(row["id"], "correction", debit, credit, int(row["amount"]))
        for (kind, whose), change in ((debit, -int(row["amount"])), (credit, int(row["amount"]))):
            if kind == "payable":
                self.vendors[whose].left += change

    def settled_up(self, name: str) -> Vendor:
        """The vendor, who has repaid with what was earned before anything else happens to it."""
        vendor = self.vendors[name]
        if vendor.must_repay:
            owed, payable = -self.balances["receivable", name], self.balances["payable", name]
            self.same(f"not repaid by {name} out of what was earned", 0, min(owed, payable))
            vendor.must_repay = False
        return vendor

    def closed(self) -> None:
        """An order is settled when a batch pays its final charge, or when there was nothing to pay."""
        for row in self.charges.values():
            if row["is_final"] == "t" and int(row["amount"]):
                state = self.orders[row["order_id"]]["state"]
                self.same(f"state of order {row['order_id']}", "settled" if "is_paid" in row else "accepted", state)

    # --- What is there ---

    def compare(self) -> None:
        """Every movement and every balance."""
        found = defaultdict(list)
        moved: Counter[tuple[str, str]] = Counter()
        for row in self.rows("transfers"):
            sides = [(self.accounts[row[side]]["kind"], self.accounts[row[side]]["organization_id"]) for side in SIDES]
            amount = int(row["amount"])
            subject = row["id"] if row["kind"] == "deposit" else row["subject_id"]
            found[subject].append((row["kind"], *sides, amount))
            moved[sides[0]] -= amount
            moved[sides[1]] += amount
        for subject in self.movements.keys() | found.keys():
            self.same(f"money of {subject}", sorted(self.movements[subject]), sorted(found[subject]))
        for row in self.accounts.values():
            name = (row["kind"], row["organization_id"])
            kept = int(row["balance"]) if row["balance"] else moved[name]
            self.same(f"balance of {name}", self.balances[name], kept)
            self.same(f"sum of {name}", self.balances[name], moved[name])
        self.same("everything together", 0, sum(self.balances.values()))

    def ages(self) -> None:
        """What each vendor owes, by the days since it was advanced."""
        found = {row["vendor_org_id"]: row for row in self.rows("ages")}
        for name, vendor in self.vendors.items():
            told = found.pop(name, None)
            owed = [(day, amount) for day, amount in vendor.advances if amount]
            self.same(f"owed by {name}", sum(amount for _day, amount in owed), -self.balances["receivable", name])
            if not owed or told is None:
                self.same(f"ages of what {name} owes", bool(owed), told is not None)
                continue
            today = datetime.date.fromisoformat(told["today"])
            sums = dict.fromkeys(AGES, 0)
            for day, amount in owed:
                sums[next(age for age, most in AGES.items() if (today - day).days <= most)] += amount
            self.same(f"ages of what {name} owes", sums, {age: int(told[age]) for age in AGES})
        self.same("ages of what nobody owes", {}, found)


SIDES = ("debit_account_id", "credit_account_id")
PARTS = ("net", "commission", "vat")
AGES = {"0-30": 30, "31-60": 60, "61-90": 90, "90+": 10**6}


def business_day(moment: str) -> datetime.date:
    """The day in Shanghai, where the clocks have not been changed for decades."""
    return (datetime.datetime.fromisoformat(moment) + datetime.timedelta(hours=8)).date()


def disagreements(folder: Path) -> list[str]:
    """Everything in which the exchange's books and these differ."""
    books = Books(folder)
    for part in (books.deposits, books.trades, books.volumes, books.diary, books.compare, books.ages):
        part()
    return books.wrong


if __name__ == "__main__":
    differences = disagreements(Path(sys.argv[1]))
    print("\n".join(differences) or "agreed")
    sys.exit(bool(differences))
