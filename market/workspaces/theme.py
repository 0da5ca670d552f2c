"""One accent colour a workspace, so that nobody mistakes where they are."""

from market.workspaces.access import Workspace

STEPS = ("50", "100", "200", "300", "400", "500", "600", "700", "800", "900", "950")
LIGHTNESS = (97.5, 94.5, 89.0, 81.0, 72.0, 63.0, 53.0, 47.0, 41.0, 36.0, 28.0)
CHROMA = (0.013, 0.03, 0.06, 0.1, 0.13, 0.15, 0.15, 0.135, 0.11, 0.09, 0.07)
"""Per step, in per cent and in oklch chroma: white text on step 600 has a contrast above 4.5 : 1 (WCAG 2.2, AA)."""

HUES = {Workspace.OPERATOR: 262, Workspace.VENDOR: 185, Workspace.AUDITOR: 50}
"""Hue in degrees: blue, teal, amber."""


def accent(workspace: Workspace) -> dict[str, str]:
    """The theme's ``primary`` palette for a workspace."""
    hue = HUES[workspace]
    return {
        step: f"oklch({lightness}% {chroma} {hue})"
        for step, lightness, chroma in zip(STEPS, LIGHTNESS, CHROMA, strict=True)
    }
