"""Numbers as a page writes them, each with what keeps it from standing alone."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EM DASH}"


def finite(value: Any) -> float | None:
    """A number as float; None for null, NaN, infinity and what is no number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def told(value: Any) -> str:
    """A nullable text as text; null and NaN as the empty one."""
    return value if isinstance(value, str) else ""


def shown(value: float, form: str) -> str:
    """A number as the page writes it.

    Args:
        form: `score` three decimals; `signed` two, with a sign; `short` two, without the 0 before
            the point; `plain` two; `count` whole; `share` per cent; `q` three decimals down to
            0.001; `amount` about three digits.
    """
    if form == "count":
        text = f"{value:,.0f}"
    elif form == "signed":
        text = f"{value:+.2f}"
    elif form == "plain":
        text = f"{value:.2f}"
    elif form == "short":
        text = f"{value:.2f}".replace("0.", ".", 1)
    elif form == "score":
        text = f"{value:.3f}"
    elif form == "q":
        text = "<0.001" if value < 0.001 else f"{value:.3f}"
    elif form == "share":
        text = _per_cent(value)
    else:
        text = _amount(value)
    if text[0] in "+-" and not text.strip("+-0.,"):
        text = text[1:]  # nothing has no sign
    return text.replace("-", MINUS)


def _per_cent(value: float) -> str:
    """Whole per cent, but never 0 or 100 for what is not exactly that."""
    if 0 < value < 0.005:
        return f"<1{NO_BREAK}%"
    if 0.995 <= value < 1:
        return f">99{NO_BREAK}%"
    return f"{100 * value:.0f}{NO_BREAK}%"


def _amount(value: float) -> str:
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 or size == 0 else f"{value:.3g}"


@dataclass(frozen=True)
class Number:
    """A number with what keeps it from standing alone. Make it with `number`.

    Attributes:
        value, low, high, baseline: Finite, or None where not known.
        form: As in `shown`.
        reason: Why there is no value; shown in its place.
        scale: Ends of an axis on which the interval is also drawn.
        shade: Step of the diverging palette behind it, -10..10.
        quiet: The reason only on pointing, where the same row already tells it.
        about: Shown on pointing.
        bar: Ends of an axis along which the value is also drawn as a bar, from the first end.
        of: A smaller word beside the value: the exact count of a share, a baseline in words.
        folded: The interval not in sight, where `about` tells it.
    """

    kind: ClassVar[str] = "number"
    value: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    form: str = "score"
    reason: str = ""
    scale: tuple[float, float] | None = None
    shade: int | None = None
    quiet: bool = False
    about: str = ""
    of: str = ""
    bar: tuple[float, float] | None = None
    folded: bool = False

    @property
    def text(self) -> str:
        return MISSING if self.value is None else shown(self.value, self.form)

    @property
    def interval(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"[{shown(self.low, self.form)}, {shown(self.high, self.form)}]"

    @property
    def baseline_text(self) -> str:
        if self.value is None or self.baseline is None:
            return ""
        return shown(self.baseline, self.form)

    @property
    def claim(self) -> float | dict[str, Any] | None:
        """The bare value, or it with its interval, baseline and reason where it has any."""
        extra = {"low": self.low, "high": self.high, "baseline": self.baseline}
        known: dict[str, Any] = {key: value for key, value in extra.items() if value is not None}
        if self.value is None and self.reason:
            known["reason"] = self.reason
        return {"value": self.value, **known} if known else self.value


def number(
    value: Any, low: Any = None, high: Any = None, baseline: Any = None, **more: Any
) -> Number:
    """A Number from whatever a table holds: NaN, null and infinity become None."""
    return Number(finite(value), finite(low), finite(high), finite(baseline), **more)
