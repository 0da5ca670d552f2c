"""What a past month would have been under another fee schedule, a draft too. Reads only: nothing is kept."""

import csv
import dataclasses
import datetime
import io
import uuid
from collections.abc import Iterator

from django.db import connection

from market.kernel import clock
from market.kernel.money import CURRENCY
from market.kernel.spreadsheets import safe_text
from market.settlement.models import FeeSchedule

# Each capture of the month divided again, from what it counted from then: the volumes are the same, only rates differ.
# One pass over the month for the lines and their sum, which is the row without a vendor.
SIMULATION = """
SELECT vendor.id, vendor.name, count(*), sum(capture.gross), sum(capture.commission), sum(part.commission),
       sum(capture.vat), sum(part.vat), sum(capture.net), sum(part.net)
  FROM settlement_capture AS capture
  JOIN accounts_organization AS vendor ON vendor.id = capture.vendor_org_id
  JOIN settlement_feeschedule AS schedule ON schedule.id = %(schedule)s
 CROSS JOIN LATERAL settlement_scale(%(schedule)s, capture.vendor_org_id, capture.sector) AS scale
 CROSS JOIN LATERAL settlement_commission(
        scale.commission_bps, scale.tier_volumes, scale.tier_bps, capture.volume_before, capture.gross
       ) AS fee
 CROSS JOIN LATERAL settlement_divide(
        capture.gross, fee.points,
        CASE capture.taxpayer_type
             WHEN 'general' THEN schedule.vat_general_bps
             WHEN 'small_scale' THEN schedule.vat_small_scale_bps
             ELSE 0
        END
       ) AS part
 WHERE capture.captured_at >= %(begins)s AND capture.captured_at < %(ends)s AND capture.currency = %(currency)s
 GROUP BY GROUPING SETS ((vendor.id, vendor.name), ())
 ORDER BY GROUPING(vendor.id) DESC, sum(capture.gross) DESC, vendor.id
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Simulated:
    """A vendor's month, or everybody's, as it was and as it would have been; fen. ``commission`` is what it was,
    ``new_commission`` what it would have been, and so on."""

    vendor_id: uuid.UUID | None
    name: str
    captures: int
    gross: int
    commission: int
    new_commission: int
    vat: int
    new_vat: int
    net: int
    new_net: int

    @property
    def difference(self) -> int:
        """What the vendor would have had more, or less."""
        return self.new_net - self.net


@dataclasses.dataclass(frozen=True, slots=True)
class Simulation:
    """A month under a schedule: everybody's sum, and the vendors, the largest first."""

    month: datetime.date
    total: Simulated
    vendors: tuple[Simulated, ...]


def simulate(*, schedule: FeeSchedule, month: datetime.date, currency: str = CURRENCY) -> Simulation:
    """The captures of the calendar month (Asia/Shanghai) that ``month`` lies in under ``schedule``: one query.

    Vendors' taxpayer types and products' sectors are those at capture. Refunds give back what was captured, in its own
    proportions, so they are left out on both sides.
    """
    first = month.replace(day=1)
    after = (first + datetime.timedelta(days=31)).replace(day=1)
    parameters = {
        "schedule": schedule.id,
        "begins": clock.business_midnight(first),
        "ends": clock.business_midnight(after),
        "currency": currency,
    }
    with connection.cursor() as cursor:
        cursor.execute(SIMULATION, parameters)
        rows = [Simulated(key, name or "", *(int(number or 0) for number in rest)) for key, name, *rest in cursor]
    return Simulation(month=first, total=rows[0], vendors=tuple(rows[1:]))


HEADER = (
    "vendor_id", "vendor", "captures", "gross_fen", "commission_fen", "simulated_commission_fen", "vat_fen",
    "simulated_vat_fen", "net_fen", "simulated_net_fen", "difference_fen",
)  # fmt: skip


def csv_of(simulation: Simulation) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180, but a line ends with LF alone): one a vendor, the last everybody's."""
    yield _line(HEADER)
    for row in (*simulation.vendors, simulation.total):
        name = safe_text(row.name) if row.vendor_id else "total"
        numbers = dataclasses.astuple(row)[2:]
        yield _line((row.vendor_id or "", name, *numbers, row.difference))


def _line(cells: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
