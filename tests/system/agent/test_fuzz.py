#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are wrong in ways that nobody thought of: each is refused or taken, none is fatal."""
import random

import pytest

from daemon import POLICY, service

FILES = 3000
TEXT = POLICY + "---\n" + service("web", "198.18.10.1", "2001:db8::1") + """---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n, labels: &labels {"a/b": c}}}
- apiVersion: cilium.io/v2alpha1
  kind: CiliumL2AnnouncementPolicy
  metadata: {name: two}
  spec:
    nodeSelector: {matchLabels: *labels}
    serviceSelector:
      matchExpressions: [{key: k, operator: NotIn, values: [v, w]}]
    interfaces: ["^eth[0-9]+(\\\\.[0-9]+)?$", '(a|b)*c']
"""
PIECES = ["{", "}", "[", "]", ":", "- ", "&a ", "*a", "!!binary ", "!x ", "<<: ", "|\n", ">-\n", "\t", "\n",
          "---\n", "...\n", "null", "~", "1e999", "0x7fffffffffffffffff", "'", '"', "\\", "\0", "\ufeff", "é",
          "(?", "(?R)", "\\1", "[" * 200, "a: " * 70, "%YAML 9.9\n", "\u2028"]


def mutated(random_):
    text = TEXT
    for _ in range(random_.randint(1, 6)):
        at, length = random_.randrange(len(text) + 1), random_.choice([0, 0, 1, 3, 30])
        piece = random_.choice(PIECES + [text[at:at + 60], ""])
        text = text[:at] + piece + text[at + length:]
    data = text.encode()
    if random_.random() < 0.1:  # no UTF-8
        at = random_.randrange(len(data))
        data = data[:at] + bytes([random_.randrange(256)]) + data[at:]
    return data


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_manifests(agent, seed):
    random_ = random.Random(seed)
    for number in range(FILES):
        (agent.manifests / f"{number:04}.yaml").write_bytes(mutated(random_))
    done = agent.command("--config", agent.config, "--check", "--json")
    assert done.status == 1, done.err[-2000:]  # not a signal, not a sanitizer's
    assert FILES / 10 < done.json["broken"] < FILES, "neither all nor none"
    assert sum(str(agent.manifests) in line for line in done.err.splitlines()) >= done.json["broken"]


@pytest.mark.full
def test_mutated_configurations(agent):
    random_ = random.Random(3)
    text = agent.config.read_text()
    for _ in range(200):
        at, length = random_.randrange(len(text) + 1), random_.choice([0, 1, 5])
        agent.config.write_bytes((text[:at] + random_.choice(PIECES) + text[at + length:]).encode())
        assert agent.command("--config", agent.config, "--check").status in (0, 1, 78)


def test_many_aliases_are_no_bomb(agent):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    agent.write("bomb.yaml", "\n".join(lines) + "\n")
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 1
    assert "aliases stand for more than 100000 values" in done.err


@pytest.mark.parametrize("text, refused", [
    # each alias is one level above the one before: no collection in the text is deep
    ("".join(f"- &a{i} [{f'*a{i - 1}' if i else ''}]\n" for i in range(30000)), "more than 64 levels deep"),
    ("".join(f"- &a{i} x\n" for i in range(60000)), "more than 1000 anchors"),
    # as deep as allowed
    ("".join(f"- &a{i} [{f'*a{i - 1}' if i else ''}]\n" for i in range(63)), "not a Kubernetes object"),
    ("".join(f"- &a{i} [{f'*a{i - 1}' if i else ''}]\n" for i in range(64)), "more than 64 levels deep"),
], ids=["nested aliases", "anchors", "depth allowed", "depth refused"])
def test_aliases_and_anchors_are_bounded(agent, text, refused):
    (agent.manifests / "a.yaml").write_text(text)
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 1  # not a signal
    assert refused in done.err
