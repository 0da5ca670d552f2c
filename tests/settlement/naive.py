"""The books kept a second time, slowly and in plain Python, from files and docs alone: docs/ledger.md for who gets
what, docs/decisions/0010 for how an amount is divided, docs/decisions/0011 for what a batch takes.

Nothing of the exchange is imported. What people did (deposits by their evidence, orders and what became of them,
charges, announced fees, bounced payouts) is believed; what follows from it (each transfer, each part of each capture,
each batch, each payout, each balance) is worked out again and compared, to the fen.

By hand: ``python tests/settlement/naive.py FOLDER`` with the CSV files that ``tests/settlement/exported.py`` writes.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

NEVER_PAID = ("awaiting_approval", "awaiting_funds", "expired")


def division(gross: int, commission_bps: int, vat_bps: int) -> dict[str, int]:
    """Commission is of the amount, VAT is what an amount including it contains, the vendor has the rest. Cut to whole
    fen, the fen left over go to the largest remainders, the vendor's first among equals."""
    exact = {
        "commission": Fraction(gross * commission_bps, 10_000),
        "vat": Fraction(gross * vat_bps, 10_000 + vat_bps),
    }
    exact = {"net": gross - exact["commission"] - exact["vat"], **exact}
    parts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: parts[name] - exact[name])
    for name in by_remainder[: gross - sum(parts.values())]:
        parts[name] += 1
    return parts


class Books:
    """What is in the folder, and what should be. ``wrong`` names every difference."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrong: list[str] = []
        self.accounts = {row["id"]: row for row in self.rows("accounts")}
        self.schedules = sorted(self.rows("schedules"), key=lambda row: (row["effective_from"], int(row["version"])))
        self.orders = {row["id"]: row for row in self.rows("orders")}
        self.captures = {row["id"]: row for row in self.rows("captures")}
        self.bank = next(row["organization_id"] for row in self.accounts.values() if row["kind"] == "bank")
        # (kind of account, whose) -> fen
        self.balances: Counter[tuple[str, str]] = Counter()
        # what it was for -> every movement: kind, from, to, fen
        self.movements: dict[str, list[tuple]] = defaultdict(list)

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
        for row in self.rows("charges"):
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

    def sales(self) -> None:
        """Each captured charge divided, by the fees of its moment and the vendor's taxpayer type then."""
        charges = {row["id"]: row for row in self.rows("charges")}
        for key, capture in self.captures.items():
            charge, order = charges.pop(capture["charge_id"]), self.orders[capture["order_id"]]
            fees = self.schedule_at(capture["captured_at"])
            vat_bps = fees["vat_small_scale_bps" if capture["taxpayer_type"] == "small_scale" else "vat_general_bps"]
            gross, vendor = int(charge["amount"]), order["vendor_org_id"]
            parts = division(gross, int(fees["commission_bps"]), int(vat_bps))
            told = {name: int(capture[name]) for name in ("gross", "net", "commission", "vat")}
            self.same(f"capture {key}", {"gross": gross, **parts}, told)
            self.same(f"vendor of capture {key}", (vendor, charge["order_id"]), (capture["vendor_org_id"], order["id"]))
            self.same(f"fees of capture {key}", fees["id"], capture["schedule_id"])
            escrow = ("escrow", order["buyer_org_id"])
            self.move(order["id"], "capture_net", escrow, ("payable", vendor), parts["net"])
            self.move(order["id"], "capture_commission", escrow, ("commission", vendor), parts["commission"])
            self.move(order["id"], "capture_vat", escrow, ("vat", vendor), parts["vat"])
            capture.update({name: str(amount) for name, amount in parts.items()})

    def settlements(self) -> None:
        """Each batch takes what was captured for its vendor before its cutoff and stands in none yet; one payout of it
        lives."""
        lines = {row["capture_id"]: row["batch_id"] for row in self.rows("lines")}
        waiting: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        for key, capture in self.captures.items():
            waiting[capture["vendor_org_id"]][key] = capture
        batches = sorted(self.rows("batches"), key=lambda row: row["created_at"])
        payouts = defaultdict(list)
        for row in self.rows("payouts"):
            payouts[row["batch_id"]].append(row)
        in_batches = set()
        for batch in batches:
            of_vendor = waiting[batch["vendor_org_id"]]
            due = [key for key, row in of_vendor.items() if row["captured_at"] < batch["cutoff"]]
            self.same(f"lines of batch {batch['id']}", {batch["id"]}, {lines.pop(key, "none") for key in due})
            taken = [of_vendor.pop(key) for key in due]
            in_batches.update(row["charge_id"] for row in taken)
            for name in ("gross", "net", "commission", "vat"):
                total = sum(int(row[name]) for row in taken)
                self.same(f"{name} of batch {batch['id']}", total, int(batch[name]))
            self.same(f"orders of batch {batch['id']}", len(taken), int(batch["order_count"]))
            self.payouts(batch, payouts.pop(batch["id"], []))
        self.same("lines of no batch", {}, lines)
        self.same("payouts of no batch", {}, dict(payouts))
        self.closed(in_batches)

    def payouts(self, batch: dict[str, str], payouts: list[dict[str, str]]) -> None:
        """All but one came back; each is for the net of the batch."""
        alive = [row for row in payouts if row["state"] != "bounced"]
        self.same(f"living payouts of batch {batch['id']}", int(int(batch["net"]) > 0), len(alive))
        payable, bank = ("payable", batch["vendor_org_id"]), ("bank", self.bank)
        for row in payouts:
            amount = int(row["amount"])
            self.same(f"payout {row['reference']}", int(batch["net"]), amount)
            if row["state"] != "pending":
                self.move(row["id"], "payout", payable, bank, amount)
            if row["state"] == "bounced":
                self.move(row["id"], "payout_bounced", bank, payable, amount)

    def closed(self, in_batches: set[str]) -> None:
        """An order is settled when a batch pays its final charge, or when there was nothing to pay."""
        for row in self.rows("charges"):
            is_paid = row["id"] in in_batches
            if row["is_final"] == "t" and int(row["amount"]):
                state = self.orders[row["order_id"]]["state"]
                self.same(f"state of order {row['order_id']}", "settled" if is_paid else "accepted", state)

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


SIDES = ("debit_account_id", "credit_account_id")


def disagreements(folder: Path) -> list[str]:
    """Everything in which the exchange's books and these differ."""
    books = Books(folder)
    for part in (books.deposits, books.trades, books.sales, books.settlements, books.compare):
        part()
    return books.wrong


if __name__ == "__main__":
    differences = disagreements(Path(sys.argv[1]))
    print("\n".join(differences) or "agreed")
    sys.exit(bool(differences))
