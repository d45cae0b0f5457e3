"""The diverging palette of the heat map: blue below 0, orange above, safe for colour-blind eyes."""

STEPS = 10  # to either side of 0
INK = ("#000000", "#ffffff")  # one of the two reaches 4.5 on any colour
THEMES = {  # below 0, at 0, above 0: where 0 is the page itself
    "light": ("#1f6fb4", "#ffffff", "#d9730d"),
    "dark": ("#4a9fe0", "#171b21", "#e58a2c"),
}


def css() -> str:
    """One class a step, `.h-10` .. `.h10`, with letters that stand out from it in both themes."""
    rules = []
    for step in range(-STEPS, STEPS + 1):
        light, dark = (shade(step, theme) for theme in ("light", "dark"))
        rules.append(
            f".h{step}{{background:light-dark({light},{dark});"
            f"color:light-dark({letters(light)},{letters(dark)})}}"
        )
    return "".join(rules)


def level(value: float) -> int:
    """The step of a value in -1..1."""
    return round(max(-1.0, min(1.0, value)) * STEPS)


def shade(step: int, theme: str) -> str:
    low, middle, high = (_channels(colour) for colour in THEMES[theme])
    end, share = (high if step > 0 else low), abs(step) / STEPS
    mixed = (round(m + (e - m) * share) for m, e in zip(middle, end, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def letters(background: str) -> str:
    return max(INK, key=lambda ink: contrast(ink, background))


def contrast(first: str, second: str) -> float:
    """Contrast ratio, 1..21. Source: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
