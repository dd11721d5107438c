# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard's panels as a picture, from answers of Prometheus."""
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLUMNS = 3


def label(legend, labels):
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), legend)


def points(values, begin):
    """Seconds and values, with a gap where a second has none."""
    found = {round(when - begin): float(value) for when, value in values}
    seconds = range(min(found), max(found) + 1)
    return seconds, [found.get(second, float("nan")) for second in seconds]


def draw(path, begin, panels, events):
    """@panels: {title: [(legend, series)]}. @events: [(time, what happened)], which are lines in all panels."""
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(15, 2.9 * rows), layout="constrained")
    for ax, (title, targets) in zip(axes.flat, panels.items()):
        lines = [(label(legend, series["metric"]), series["values"]) for legend, found in targets for series in found]
        for name, values in lines:
            ax.plot(*points(values, begin), label=name, linewidth=1.2)
        for when, _ in events:
            ax.axvline(when - begin, color="0.7", linewidth=0.8, linestyle=":")
        ax.set_title(title, fontsize=10)
        ax.tick_params(labelsize=7)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
        if lines and len(lines) <= 8:
            ax.legend(fontsize=6, loc="upper left")
    words = ";  ".join(f"{when - begin:.0f} s: {what}" for when, what in events)
    figure.suptitle(words, fontsize=9)
    plt.rcParams |= {"svg.hashsalt": "xdp-l2resp", "svg.fonttype": "none"}
    figure.savefig(path, metadata={"Date": None})
