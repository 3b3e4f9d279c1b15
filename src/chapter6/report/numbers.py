"""How numbers are written for readers."""

from __future__ import annotations

import math

MINUS, TIMES, NOTHING = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 3) -> str:
    """Write a value with ``digits`` significant digits: -0.0213, 1.2e-7 as a power of ten, 60 000."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == int(value) and abs(value) < 1e7:
        return _signed(f"{int(value):,}".replace(",", "\u202f") if abs(value) >= 1e4 else str(int(value)))
    if not 1e-3 <= abs(value) < 1e5:
        return _scientific(value, digits)
    return _fixed(value, max(0, digits - 1 - _magnitude(value)))


def exact(value: float | None) -> str:
    """Write a number that somebody chose, as chosen: 0.01 and not 0.0100."""
    if value is None or not math.isfinite(value) or value == int(value):
        return number(value)
    if abs(value) >= 1e-4:
        return _signed(f"{value:.6g}")
    mantissa, exponent = f"{value:.6g}".split("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{_signed(mantissa)} {TIMES} {power}"


def interval(estimate: float | None, low: float | None, high: float | None) -> str:
    """Write an estimate with its interval: ``0.521 [0.501, 0.542]``.

    There are enough decimals for two digits of the interval's shorter arm and of the estimate. None at one end
    means that the interval is open there; a value without width stands alone.
    """
    if estimate is None:
        return NOTHING
    if low is None and high is None:
        return number(estimate)
    if low == high:
        return number(estimate, 4)
    arms = [abs(estimate - end) for end in (low, high) if end is not None and math.isfinite(end)]
    arm = min((arm for arm in arms if arm > 0), default=0.0)
    decimals = _decimals(arm, estimate)
    write = number if decimals is None else lambda value: _fixed(value, decimals)
    ends = (f"{MINUS}∞" if low is None else write(low), "∞" if high is None else write(high))
    return f"{write(estimate)} [{ends[0]}, {ends[1]}]"


def percent(share: float | None) -> str:
    """Write a share in per cent, four digits or as many as keep it from being 100: 95 %, 99.75 %."""
    if share is None:
        return NOTHING
    short = f"{100 * share:.4g}"
    return f"{100 * share:.6g}\u202f%" if short == "100" else f"{short}\u202f%"


def size(text: str) -> str:
    """Write how large a text is as a file."""
    count = len(text.encode())
    return f"{count} B" if count < 1000 else f"{count / 1000:.3g} kB"


def duration(seconds: float) -> str:
    """Write a time in the unit a person would choose."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _decimals(arm: float, estimate: float) -> int | None:
    """Return the decimals that fit both; None where fixed notation would be unreadable."""
    if arm <= 0:
        return None
    wanted = 1 - _magnitude(arm)
    if estimate:
        wanted = min(max(wanted, 1 - _magnitude(estimate)), wanted + 2)
    return None if wanted > 5 and abs(estimate) < 1e-3 else min(max(0, wanted), 9)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _fixed(value: float, decimals: int) -> str:
    if math.isinf(value):
        return number(value)
    return _signed(f"{value:.{decimals}f}")


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{_signed(mantissa)} {TIMES} 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def _signed(text: str) -> str:
    is_zero = not text.strip("-0.")
    return text.removeprefix("-") if is_zero else text.replace("-", MINUS)
