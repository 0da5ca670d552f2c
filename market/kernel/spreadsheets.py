"""Text on its way into a file that a spreadsheet will open."""

FORMULA_STARTS = "-=+@\t\r\n＝＋－＠"
"""What a spreadsheet may take for the beginning of a formula; Chinese ones obey the full-width signs too."""


def safe_text(text: str) -> str:
    """``text`` for a CSV cell: what a spreadsheet would run, or what begins with an apostrophe, gets one in front.

    A reader who takes one leading apostrophe away has the original back. Never for numbers: they are added up.
    """
    return f"'{text}" if text and text[0] in FORMULA_STARTS + "'" else text
