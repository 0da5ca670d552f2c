"""What people write to explain themselves."""

from django.utils.translation import gettext as _

from market.kernel.errors import InvalidInput

MAX_REASON = 2000


def clean_reason(text: str, *, name: str = "reason", least: int = 2) -> str:
    """The text without blanks around it: ``least`` to ``MAX_REASON`` characters.

    Raises ``InvalidInput`` with the pointer ``/<name>``.
    """
    text = text.strip()
    if not least <= len(text) <= MAX_REASON:
        shown = {"least": least, "most": MAX_REASON}
        raise InvalidInput(errors={f"/{name}": _("Say why, in %(least)d to %(most)d characters.") % shown})
    return text
