# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers per 10 ms around each fault, of the node at fault and of the other, as bars on each other."""
import matplotlib

from takeover import AFTER, BEFORE

BIN = 0.01


def counts(trials, bins):
    """Mean answers in each bin, rounded: of the node at fault, and of both."""
    found = [[0, 0] for _ in range(bins)]
    for trial in trials:
        for at, foreign in trial["answers"]:
            if -BEFORE <= at < bins * BIN - BEFORE:
                found[int((at + BEFORE) / BIN)][foreign] += 1
    return [(round(own / len(trials)), round((own + other) / len(trials))) for own, other in found]


def stretches(found):
    """(edges, counts) without those between equal bins, which would only make the file large."""
    starts = [i for i, count in enumerate(found) if not i or count != found[i - 1]]
    return [i * BIN - BEFORE for i in [*starts, len(found)]], [found[i] for i in starts]


def draw(results, faults, contestants, path):
    """@contestants: {name: how long its faults lasted}."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "takeover"  # the same figures, the same file
    from matplotlib import pyplot
    figure, grid = pyplot.subplots(len(faults), len(contestants), figsize=(10, 1.25 * len(faults) + 0.8), sharey=True,
                                   squeeze=False, layout="constrained")
    for row, fault in zip(grid, faults):
        for axes, (name, lasts) in zip(row, contestants.items()):
            trials = results.get(name, {}).get(fault)
            axes.set_title(f"{name}: {fault}", fontsize="small", loc="left")
            axes.set(xlim=(-BEFORE, lasts + AFTER), ylim=(0, 22), yticks=(0, 10, 20))
            if not trials:
                axes.text(0.5, 0.5, "has none", transform=axes.transAxes, ha="center")
                continue
            edges, found = stretches(counts(trials, round((BEFORE + lasts + AFTER) / BIN)))
            own, both = zip(*found)
            axes.stairs(own, edges, fill=True, color="tab:blue", label="the node at fault")
            axes.stairs(both, edges, baseline=own, fill=True, color="tab:orange", label="the other node")
            axes.axvspan(0, lasts, color="0.93", zorder=0)
    for axes in grid[-1]:
        axes.set_xlabel("seconds after the fault began; grey while it lasted")
    figure.supylabel("answers per 10 ms (10 requests)", fontsize="medium")
    grid[0][0].legend(loc="upper right", ncols=2, fontsize="x-small", borderaxespad=0.2)
    figure.savefig(path, metadata={"Date": None})
