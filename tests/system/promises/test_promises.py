#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What Cilium's documentation and release notes, from 1.16 to 1.21, promise of pools, sharing, classes, policies and interfaces, a
case a promise; what is decided here for each; and that docs/compatibility.md says where that isn't the same."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import policies
import pools
import services
import sharing
from objects import ABSENT, DIFFERS, SAME

ROOT = Path(__file__).resolve().parents[3]
DECIDE = os.environ["DECIDE"]
CASES = [*pools.T, *services.T, *sharing.T, *policies.T]
SECTIONS = "CiliumL2AnnouncementPolicy", "CiliumLoadBalancerIPPool", "Services"
# rows that nothing here can decide: where they are tested
ELSEWHERE = {
    "who announces a Service": "tests/system/kube/test_conditions.py",
    "`status.conditions` `io.cilium/bad-node-selector`, `-service-selector`, `-interface-regex`": "tests/system/kube/test_source.py",
    "answers to IPv6 solicitations on one device (`ipv6-mcast-device`)": "tests/system/net/test_addresses.py",
}


@pytest.fixture(scope="module")
def decided():
    """Of each case, by its number."""
    given = [{"steps": [one.objects for one in case.steps]} | case.options for case in CASES]
    done = subprocess.run(DECIDE, input="".join(json.dumps(one) + "\n" for one in given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(CASES)
    return answers


def short(name):
    """default/s is s."""
    return name.removeprefix("default/")


def given_in_short(given):
    words = {}
    for name, of in given.items():
        reason = "" if of["reason"] == "satisfied" else f":{of['reason']}"
        words[short(name)] = f"{','.join(of['addresses'])}{reason}"
    return words


def words_of(text):
    return dict(word.split("=") for word in text.split())


def pools_in_short(found):
    return {name + "!" * of["conflict"]: f"{of['total']}/{of['available']}/{of['used']}" for name, of in found.items()}


def check(step, answer):
    if step.refused:
        assert step.refused in answer["refused"]
        return
    assert "refused" not in answer, answer["refused"]
    if step.given is not None:
        assert given_in_short(answer["given"]) == words_of(step.given)
    if step.pools is not None:
        assert pools_in_short(answer["pools"]) == words_of(step.pools)
    if step.announced is not None:
        assert set(answer["announced"]) == step.announced and len(answer["announced"]) == len(step.announced)
    if step.silent is not None:
        assert answer["silent"] == step.silent
    said = {short(name): of["message"] for name, of in (answer["given"] | answer["pools"]).items()}
    for name, text in step.says.items():
        assert text in said[name] and bool(text) == bool(said[name]), said
    if step.notes is not None:
        assert len(answer["notes"]) == len(step.notes) and all(text in note for text, note in zip(step.notes, answer["notes"]))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{one.row}: {one.name}" for one in CASES])
def test_promise(decided, number):
    for step, answer in zip(CASES[number].steps, decided[number]):
        check(step, answer)


def page_rows():
    """first cell: the rest of the row, of the sections that are looked at."""
    page = (ROOT / "docs/compatibility.md").read_text()
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    rows = [line.strip("| ").split(" | ", 1) for name in SECTIONS for line in sections[name].splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in rows if row[0] not in ("field", "field or annotation")}


def test_the_page_says_what_the_cases_show():
    rows = page_rows()
    wanted = {SAME: "same", DIFFERS: "differs", ABSENT: "not there"}
    for case in CASES:
        assert case.row in rows, case
        assert wanted.get(case.like, "") in rows[case.row].lower(), (case.row, case.name, rows[case.row])


def test_each_row_of_the_page_has_cases():
    """What it says is the same, and what differs."""
    cases = {}
    for case in CASES:
        cases.setdefault(case.row, set()).add(case.like)
    for row, text in page_rows().items():
        if row in ELSEWHERE:
            assert (ROOT / ELSEWHERE[row]).exists() and row not in cases
            continue
        assert row in cases, f"no case of {row}"
        for like, word in ((DIFFERS, "differs"), (ABSENT, "not there")):
            assert word not in text.lower() or like in cases[row], f"no case of {row} that {like}"


def test_names_are_told_apart():
    names = [(case.row, case.name) for case in CASES]
    assert len(set(names)) == len(names) > 300
