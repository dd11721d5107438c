# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard's panels as a picture, from answers of Prometheus."""
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLUMNS = 2
# Grafana's units, as words and what a figure is multiplied by
UNITS = {"short": ("", 1), "reqps": ("a second", 1), "pps": ("frames a second", 1), "s": ("ms", 1000), "percentunit": ("%", 100),
         "bytes": ("MB", 1e-6)}


def label(legend, labels):
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), legend)


def points(values, begin):
    """Seconds and values, with a gap where a second has none."""
    found = {round(when - begin): float(value) for when, value in values}
    seconds = range(min(found), max(found) + 1)
    return seconds, [found.get(second, float("nan")) for second in seconds]


def draw(path, begin, panels, units, events):  # pylint: disable=too-many-locals
    """@panels: {title: [(legend, series)]}. @units: {title: Grafana's unit}. @events: [(time, what happened)], which are lines in all panels."""
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(11, 2.2 * rows), layout="constrained")
    for ax, (title, targets) in zip(axes.flat, panels.items()):
        lines = [(label(legend, series["metric"]), series["values"]) for legend, found in targets for series in found]
        unit, factor = UNITS[units[title]]
        for name, values in lines:
            seconds, figures = points(values, begin)
            ax.plot(seconds, [factor * value for value in figures], label=name, linewidth=1.4)
        for when, _ in events:
            ax.axvline(when - begin, color="0.7", linewidth=0.8, linestyle=":")
        ax.set_title(title, fontsize=11)
        ax.set_ylabel(unit, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
        if lines and len(lines) <= 8:
            ax.legend(fontsize=7, loc="upper left")
    for ax in axes.flat[len(panels):]:
        ax.set_visible(False)
    for ax in axes.flat[len(panels) - COLUMNS:len(panels)]:
        ax.set_xlabel("seconds", fontsize=9)
    words = ";  ".join(f"{when - begin:.0f} s: {what}" for when, what in events)
    figure.suptitle(words, fontsize=10)
    plt.rcParams |= {"svg.hashsalt": "xdp-l2resp", "svg.fonttype": "none"}
    figure.savefig(path, metadata={"Date": None})
