"""What is asked of every page of the kiosk in a browser: legible, touchable, within its screen."""

from __future__ import annotations

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
TARGET_PX_MIN = 64
# WCAG 2.2 at level AA, and the enhanced contrast of 7:1 that the sun asks for.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast-enhanced": {"enabled": True}},
}
SMALL_TARGETS = """min => [...document.querySelectorAll(
  'button, a, summary, label.tick, input:not([type=hidden]):not([type=checkbox])')]
  .filter(e => e.offsetParent !== null)
  .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < min || box.width < min)
  .map(([text, box]) => `${text} ${Math.round(box.width)}×${Math.round(box.height)}`)"""
