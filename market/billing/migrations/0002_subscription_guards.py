from django.db import migrations

from market.kernel.triggers import immutable_when, only_moves


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_subscriptions")]

    operations = [
        immutable_when(
            "billing_subscription",
            "true",
            may_change=(
                "state",
                "ends_before",
                "amount",
                "renewal",
                "notified_at",
                "suspends_at",
                "lapses_at",
                "end_reason",
                "renewal_refusal",
            ),
            fill_once=("ended_at",),
        ),
        only_moves(
            "billing_subscription",
            "state",
            {
                "running": ["past_due", "ended"],
                "past_due": ["running", "suspended", "ended"],
                "suspended": ["running", "ended"],
            },
        ),
        immutable_when(
            "billing_period",
            "true",
            may_change=("state", "ends_before", "amount"),
            fill_once=("funded_at", "charged_at"),
        ),
        only_moves(
            "billing_period", "state", {"planned": ["funded", "dropped"], "funded": ["charged", "dropped"]}
        ),
    ]
