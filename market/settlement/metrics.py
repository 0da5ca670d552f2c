"""What a monitoring system should wake somebody for."""

from collections.abc import Iterator

from market.kernel import clock
from market.kernel.metrics import Metric, register
from market.settlement.models import ReconciliationReport
from market.settlement.selectors import last_close, last_report, open_stop


def books() -> Iterator[Metric]:
    """Whether the books add up, when somebody looked, and which day is closed: four queries."""
    looks = ReconciliationReport.objects
    yield Metric("qianshu_reconciliations_total", "Looks at the books.", looks.count(), "counter")
    with_drift = looks.filter(drifted__gt=0).count()
    yield Metric("qianshu_reconciliations_with_drift_total", "Looks that found drift.", with_drift, "counter")
    stopped = int(open_stop() is not None)
    yield Metric("qianshu_payouts_stopped", "1 while payments to vendors are stopped.", stopped)
    report, close = last_report(), last_close()
    if report is not None:
        yield Metric("qianshu_reconciliation_timestamp_seconds", "The last look at the books.", report.at.timestamp())
        yield Metric("qianshu_reconciliation_seconds", "How long the last look took.", report.seconds)
        for check in report.findings:
            yield Metric(
                "qianshu_reconciliation_drift",
                "Objects that drifted at the last look.",
                check["drifted"],
                labels={"check": check["name"]},
            )
    if close is not None:
        behind = (clock.business_date() - close.day).days
        yield Metric("qianshu_day_close_age_days", "Days since the last closed day; 1 is as it should be.", behind)


register(books)
