"""Whether a picture is legible: every text lies within it, and no two titles within each other."""

import warnings
from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text

from evalloop_assets.lake.picture import DPI

LONG_NAME = "incumbent-best-of-4-of-a-merged-checkpoint-of-all-days-up-to-2026-03-02-and-back-b996f6ce"
ROUNDING_PX = 2


def assert_everything_fits(draw):
    """`draw` is called with the figure, which is given back; a box squeezed to nothing is matplotlib's warning."""
    figure = Figure(dpi=DPI, layout="constrained")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(figure)
        figure.draw_without_rendering()
    titles = [text for axes in figure.axes for text in axes.get_children() if isinstance(text, Text)] + figure.texts
    names = [label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _in_view(axis)]
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    boxes = [(one.get_text(), one.get_window_extent()) for one in titles if one.get_text()]
    page = figure.bbox.padded(ROUNDING_PX)
    for text, box in [*boxes, *((one.get_text(), one.get_window_extent()) for one in (*names, *legends))]:
        inside = page.x0 <= box.x0 <= box.x1 <= page.x1 and page.y0 <= box.y0 <= box.y1 <= page.y1
        assert inside, f"{text!r} is cut off: {box} of {page}"
    for (one, box), (other, second) in combinations(boxes, 2):
        assert not box.overlaps(second), f"{one!r} lies on {other!r}"
    return figure


def _in_view(axis):
    low, high = sorted(axis.get_view_interval())
    labels = axis.get_ticklabels()  # none where another box has them
    return [label for at, label in zip(axis.get_ticklocs(), labels, strict=False) if low <= at <= high]
