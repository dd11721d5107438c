# SPDX-License-Identifier: GPL-2.0-or-later
"""All who tell why an address of default/web isn't announced: they have the same words."""
from lan import VIP

NORMAL, NOTE, FAULT = "normal", "note", "fault"


def unready(lan):
    found = lan.cli("doctor --json").json["findings"]
    return [one["detail"] for one in found if one["check"] == "agent_unready"]


def of_service(agent):
    """(reason, why) of default/web, as `show` has them."""
    shown = agent.command("show", "default/web", "--json").json
    told = shown["addresses"][0] if shown["addresses"] else shown
    return told["reason"], told["why"] or ""


def says(agent, lan, reason, case):
    """show, status, who-holds, /readyz, doctor, metrics and, as far as it is its to tell, the log: @case has the level, how
    the sentence begins, and the subject, an address or a Service."""
    why = of_service(agent)[1]
    assert why.startswith(case.why)
    by_address = case.subject == VIP
    # show, of one and of all
    line = f"  not announced by node-1: {reason}: {why}\n" if by_address else f"pools give it nothing: {reason}: {why}\n"
    assert line in agent.command("show", "default/web").out
    told = agent.command("status", "--json").json
    [row] = [row for row in told["services"] if row["service"] == "web"]
    assert (row["addresses"][0] if by_address else row)["reason"] == reason
    assert {"reason": reason, "count": 1, "why": f"{case.subject}: {why}"} in told["reasons"]
    assert told["drained"] == (reason == "drained")
    status = agent.command("status")
    assert status.out == agent.command("show").out and f"     1  {reason}, e.g. {case.subject}: {why}\n" in status.out
    [line] = [line for line in status.out.splitlines() if line.startswith("default/web ")]
    assert line.split()[-1] == reason and ("not known" in line) == (reason == "store_unreachable")
    # who-holds
    if by_address:
        asked = agent.command("who-holds", VIP)
        assert f"{reason}: {why}" in asked.out if asked.status == 0 else asked.err == f"xdp-l2respd: {VIP}: {why}\n"
        assert "nobody" not in asked.out or reason == "drained"
    # /readyz and doctor
    global_reason = reason in ("drained", "store_unreachable")
    if case.level == FAULT:
        body = why if global_reason else f"{VIP}: {why}"
        assert agent.http("/readyz") == (503, f"{body}\n")
        assert unready(lan) == [f"xdp-l2respd isn't ready: {body}"]
        assert (told["ready"], told["why"]) == (False, body)
    else:
        note = f"; {VIP}: {why}" if case.level == NOTE else ""
        assert agent.http("/readyz") == (200, f"ok{note}\n") and unready(lan) == [] and told["ready"]
    # the log, where nothing else tells of it
    if reason in ("no_interface", "kernel_answers", "link_down") or case.level == NOTE:
        assert f"{VIP}: not announced: {why}\n" in agent.log()
    # metrics
    counts = {key: value for key, value in agent.metrics().items() if key.startswith("l2resp_addresses_blocked{")}
    assert {key for key, value in counts.items() if value} == {f'l2resp_addresses_blocked{{reason="{reason}"}}'}
