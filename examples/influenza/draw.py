"""The campaign's picture: misfits as a heat map, and the best curve beside the counts, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from sir import BOYS, FIRST_CASES, Count, Fit

WIDTH, HEIGHT = 1100, 500
TOP, BOTTOM = 112, 432
MAP_LEFT, MAP_RIGHT = 84, 484
SCALE_LEFT, SCALE_RIGHT = 552, 568
CURVES_LEFT, CURVES_RIGHT = 714, 1070

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
INK, MUTED, FAINT, MISSING = "#1f2430", "#5b6270", "#e3e6eb", "#d3d6dc"
POINT, BEST, PUBLISHED = "#1f2430", "#f08a24", "#3b528b"
VIRIDIS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
R0_LINES = (2, 3, 4, 5, 6, 8)


class Grid(NamedTuple):
    """The rates of the campaign, per day, both ascending and evenly spaced."""

    betas: Sequence[float]
    gammas: Sequence[float]


class Axis(NamedTuple):
    """Maps values from `low` to `high` to positions from `start` to `end`, in pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The position of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def picture(
    grid: Grid,
    misfits: Mapping[tuple[float, float], float],
    best: Fit,
    published: Fit,
    counts: Sequence[Count],
) -> str:
    """An SVG document.

    Args:
        grid: All points that the campaign tries.
        misfits: Positive misfit by (beta, gamma), for the points that are known, at least one;
            the others stay grey.
        best: The best of them.
        published: What to compare it with.
        counts: The data.
    """
    parts = [
        _text(28, 38, "Influenza in an English boarding school, 1978", size=22, weight=600),
        _text(28, 62, _summary(grid, len(misfits), best, published), size=14, fill=MUTED),
        *_heat_map(grid, misfits, best, published),
        *_curves(best, published, counts),
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family={quoteattr(FONT)}>\n'
        f"<title>Fit of an SIR model to an outbreak of influenza</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _summary(grid: Grid, known: int, best: Fit, published: Fit) -> str:
    total = len(grid.betas) * len(grid.gammas)
    runs = f"{total} runs" if known == total else f"{known} of {total} runs (grey: no result)"
    return (
        f"SIR model, {runs}.  Best fit: transmission {best.beta:.2f} and recovery "
        f"{best.gamma:.2f} a day, {_r0(best)}.  Published: {_r0(published)}."
    )


def _r0(fit: Fit) -> str:
    return "nobody recovers" if fit.r0 is None else f"R₀ = {fit.r0:.2f}"


def _heat_map(
    grid: Grid, misfits: Mapping[tuple[float, float], float], best: Fit, published: Fit
) -> Iterator[str]:
    beta_axis = _cells_axis(grid.betas, MAP_LEFT, MAP_RIGHT)
    gamma_axis = _cells_axis(grid.gammas, BOTTOM, TOP)
    scale = _scale(misfits.values())
    width = (MAP_RIGHT - MAP_LEFT) / len(grid.betas)
    height = (BOTTOM - TOP) / len(grid.gammas)
    yield _text(MAP_LEFT, TOP - 26, "Misfit: darker is better", size=15, weight=600)
    yield '<g shape-rendering="crispEdges">'
    for beta in grid.betas:
        for gamma in grid.gammas:
            misfit = misfits.get((beta, gamma))
            fill = MISSING if misfit is None else _colour(scale.at(math.log10(misfit)))
            left, top = beta_axis.at(beta) - width / 2, gamma_axis.at(gamma) - height / 2
            yield _box(left, top, width, height, fill)
    yield "</g>"
    yield from _r0_lines(beta_axis, gamma_axis)
    yield _ring(beta_axis.at(published.beta), gamma_axis.at(published.gamma))
    yield _cross(beta_axis.at(best.beta), gamma_axis.at(best.gamma))
    yield from _map_axes(beta_axis, gamma_axis)
    yield from _colour_scale(scale)


def _cells_axis(values: Sequence[float], start: float, end: float) -> Axis:
    """An axis on which the first and the last value have room for half a cell around them."""
    half = (values[-1] - values[0]) / (len(values) - 1) / 2
    return Axis(values[0] - half, values[-1] + half, start, end)


def _scale(misfits: Iterable[float]) -> Axis:
    logarithms = [math.log10(misfit) for misfit in misfits]
    low, high = min(logarithms), max(logarithms)
    return Axis(low, max(high, low + 0.1), 0, 1)


def _map_axes(beta_axis: Axis, gamma_axis: Axis) -> Iterator[str]:
    for beta in _multiples(0.2, beta_axis):
        x = beta_axis.at(beta)
        yield _line(x, BOTTOM, x, BOTTOM + 5)
        yield _text(x, BOTTOM + 20, f"{beta:.1f}", anchor="middle")
    for gamma in _multiples(0.1, gamma_axis):
        y = gamma_axis.at(gamma)
        yield _line(MAP_LEFT - 5, y, MAP_LEFT, y)
        yield _text(MAP_LEFT - 9, y + 4, f"{gamma:.1f}", anchor="end")
    middle = (MAP_LEFT + MAP_RIGHT) / 2
    yield _text(middle, BOTTOM + 44, "transmission, per day", anchor="middle", fill=MUTED)
    yield _upright(34, "recovery, per day")
    yield _cross(MAP_LEFT + 256, TOP - 31, INK)
    yield _text(MAP_LEFT + 269, TOP - 26, "best")
    yield _ring(MAP_LEFT + 317, TOP - 31, INK)
    yield _text(MAP_LEFT + 333, TOP - 26, "published")


def _multiples(step: float, axis: Axis) -> list[float]:
    """The multiples of a step that lie on an axis."""
    return [
        number * step
        for number in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1)
    ]


def _r0_lines(beta_axis: Axis, gamma_axis: Axis) -> Iterator[str]:
    """Lines of equal R0, each with its label where it leaves the map."""
    for r0 in R0_LINES:
        slope = (BOYS - FIRST_CASES) / (BOYS * r0)
        first = max(beta_axis.low, gamma_axis.low / slope)
        last = min(beta_axis.high, gamma_axis.high / slope)
        if first >= last:
            continue
        x, y = beta_axis.at(last), gamma_axis.at(slope * last)
        start = beta_axis.at(first), gamma_axis.at(slope * first)
        yield _line(*start, x, y, "#ffffff", extra='stroke-dasharray="2 4" stroke-opacity="0.75"')
        if last < beta_axis.high:
            yield _text(x, TOP - 6, f"R₀ = {r0}", size=12, anchor="middle", fill=MUTED)
        else:
            yield _text(x + 5, y + 4, f"R₀ = {r0}", size=12, fill=MUTED)


def _colour_scale(scale: Axis) -> Iterator[str]:
    stops = "".join(
        f'<stop offset="{number / (len(VIRIDIS) - 1)}" stop-color="{colour}"/>'
        for number, colour in enumerate(VIRIDIS)
    )
    yield f'<linearGradient id="scale" x1="0" x2="0" y1="1" y2="0">{stops}</linearGradient>'
    yield _box(SCALE_LEFT, TOP, SCALE_RIGHT - SCALE_LEFT, BOTTOM - TOP, "url(#scale)")
    for misfit in _one_two_five(scale.low, scale.high):
        y = BOTTOM + scale.at(math.log10(misfit)) * (TOP - BOTTOM)
        yield _line(SCALE_RIGHT, y, SCALE_RIGHT + 5, y)
        yield _text(SCALE_RIGHT + 9, y + 4, f"{misfit:,}".replace(",", "\u202f"))
    middle = (SCALE_LEFT + SCALE_RIGHT) / 2
    yield _text(middle, BOTTOM + 20, "sum of squares,", anchor="middle", fill=MUTED)
    yield _text(middle, BOTTOM + 36, "boys²", anchor="middle", fill=MUTED)


def _one_two_five(low: float, high: float) -> list[int]:
    """The round numbers 1, 2, 5, 10, 20 ... between two powers of ten, given by their exponents."""
    decades = range(max(math.floor(low), 0), math.ceil(high) + 1)
    numbers = [digit * 10**decade for decade in decades for digit in (1, 2, 5)]
    return [number for number in numbers if low <= math.log10(number) <= high]


def _colour(position: float) -> str:
    """The colour at a position from 0 to 1 of the scale."""
    place = min(max(position, 0.0), 1.0) * (len(VIRIDIS) - 1)
    index = min(int(place), len(VIRIDIS) - 2)
    low, high = bytes.fromhex(VIRIDIS[index][1:]), bytes.fromhex(VIRIDIS[index + 1][1:])
    mixed = [round(a + (b - a) * (place - index)) for a, b in zip(low, high, strict=True)]
    return "#" + bytes(mixed).hex()


def _curves(best: Fit, published: Fit, counts: Sequence[Count]) -> Iterator[str]:
    peak = max(
        *(count.in_bed for count in counts),
        *(groups.infectious for fit in (best, published) for groups in fit.curve),
    )
    days = Axis(0, counts[-1].day + 0.5, CURVES_LEFT, CURVES_RIGHT)
    boys = Axis(0, math.ceil(peak * 1.2 / 50) * 50, BOTTOM, TOP)
    yield _text(
        CURVES_LEFT, TOP - 26, "Boys in bed, and infectious in the model", size=15, weight=600
    )
    yield from _curves_axes(days, boys, counts)
    yield _curve(best, days, boys, BEST, 'stroke-width="4"')
    yield _curve(published, days, boys, PUBLISHED, 'stroke-width="1.5" stroke-dasharray="6 4"')
    for count in counts:
        yield _dot(days.at(count.day), boys.at(count.in_bed))
    yield from _legend(best, published)


def _curves_axes(days: Axis, boys: Axis, counts: Sequence[Count]) -> Iterator[str]:
    for number in range(0, int(boys.high) + 1, 50):
        y = boys.at(number)
        yield _line(CURVES_LEFT, y, CURVES_RIGHT, y, FAINT if number else INK)
        yield _text(CURVES_LEFT - 9, y + 4, str(number), anchor="end")
    for day in range(counts[-1].day + 1):
        x = days.at(day)
        labelled = day % 4 == 1
        yield _line(x, BOTTOM, x, BOTTOM + (7 if labelled else 4))
        if labelled:
            date = counts[0].date + timedelta(days=day - 1)
            yield _text(x, BOTTOM + 20, f"{date.day} {date:%b}", anchor="middle")
    middle = (CURVES_LEFT + CURVES_RIGHT) / 2
    source = f"data: British Medical Journal 1978;1:587, {BOYS} boys"
    yield _text(middle, BOTTOM + 44, source, anchor="middle", fill=MUTED)
    yield _upright(CURVES_LEFT - 46, "boys")


def _curve(fit: Fit, days: Axis, boys: Axis, colour: str, extra: str) -> str:
    points = " ".join(
        f"{days.at(groups.day):.1f},{boys.at(groups.infectious):.1f}" for groups in fit.curve
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-linejoin="round" '
        f"{extra}/>"
    )


def _legend(best: Fit, published: Fit) -> Iterator[str]:
    left, top = CURVES_RIGHT - 178, TOP + 14
    yield _dot(left + 14, top)
    yield _text(left + 36, top + 4, "in bed")
    yield _line(left, top + 22, left + 28, top + 22, BEST, extra='stroke-width="4"')
    yield _text(left + 36, top + 26, f"best, {_r0(best)}")
    dashes = 'stroke-width="1.5" stroke-dasharray="6 4"'
    yield _line(left, top + 44, left + 28, top + 44, PUBLISHED, extra=dashes)
    yield _text(left + 36, top + 48, f"published, {_r0(published)}")


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 13,
    anchor: str = "start",
    fill: str = INK,
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def _upright(x: float, text: str) -> str:
    y = (TOP + BOTTOM) / 2
    words = _text(x, y, text, anchor="middle", fill=MUTED)
    return f'<g transform="rotate(-90 {x} {y})">{words}</g>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str = INK, *, extra: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" {extra}/>'
    )


def _box(left: float, top: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="{fill}"/>'
    )


def _cross(x: float, y: float, stroke: str = "#ffffff") -> str:
    return (
        f'<path d="M{x - 6:.1f} {y - 6:.1f} l12 12 m0 -12 l-12 12" stroke="{stroke}" '
        'stroke-width="2.5" stroke-linecap="round"/>'
    )


def _ring(x: float, y: float, stroke: str = "#ffffff") -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="none" stroke="{stroke}" '
        'stroke-width="1.5"/>'
    )


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{POINT}" stroke="#ffffff"/>'
