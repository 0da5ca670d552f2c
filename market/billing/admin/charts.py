"""Small pictures of use: one bar a day, drawn as SVG so that a page needs no script for them."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from market.billing.models import UsageDay

BAR = 10
"""Width of a day, the gap beside it included."""


def bars(days: Sequence[UsageDay], unit: str, height: int) -> SafeString:
    """A bar a day of what was used (below nothing: nothing), the day and its units on each."""
    most = max((used.units for used in days), default=0)
    rects = (
        (
            index * BAR + 1,
            height - _length(used.units, most, height),
            BAR - 2,
            _length(used.units, most, height),
            f"{used.day}: {used.units:,} {unit}",
        )
        for index, used in enumerate(days)
    )
    drawn = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}</title></rect>', rects)
    title = _("Use by day, at most %(most)s %(unit)s") % {"most": f"{most:,}", "unit": unit}
    return format_html(
        '<svg class="workspace-bars" viewBox="0 0 {0} {1}" height="{1}" preserveAspectRatio="none" role="img" '
        'aria-label="{2}">{3}</svg>',
        len(days) * BAR,
        height,
        title,
        drawn,
    )


def _length(units: int, most: int, height: int) -> int:
    """Of the longest bar's height; whatever was used can be seen, and a day without use is a line."""
    if units <= 0 or most <= 0:
        return 1
    return max(3, units * height // most)


def chart(days: Sequence[UsageDay], unit: str) -> SafeString:
    """The bars with what their height and their ends mean."""
    most = max((used.units for used in days), default=0)
    return format_html(
        '<figure class="workspace-use"><figcaption>{}</figcaption>{}<div><span>{}</span><span>{}</span></div></figure>',
        _("at most %(most)s %(unit)s a day") % {"most": f"{most:,}", "unit": unit},
        bars(days, unit, 120),
        days[0].day if days else "",
        days[-1].day if days else "",
    )
