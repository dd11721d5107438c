# SPDX-License-Identifier: GPL-2.0-or-later
"""What both measurements say on their pages in docs/: figures and where they are from."""
import os
import platform
import re
import statistics
from datetime import date

BEGIN, END = "<!-- measured -->", "<!-- end of what is measured -->"


def machine():
    model = re.search(r"^model name\s*:\s*(.*)", open("/proc/cpuinfo", encoding="ascii").read(), re.MULTILINE)
    return (f"Linux {platform.release()}, {model[1] if model else platform.machine()}, {os.cpu_count()} CPUs, "
            f"{date.today()}")


def load():
    """Of the last quarter of an hour, other work included."""
    return round(os.getloadavg()[2], 1)


def spread(values, digits=2):
    """Median, least and most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] + ["---:"] * (len(head) - 1), *rows])


def put(path, text):
    """Puts @text where the page has what is measured."""
    page = path.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
