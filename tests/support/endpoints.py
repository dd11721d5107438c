# SPDX-License-Identifier: GPL-2.0-or-later
"""EndpointSlices and Nodes as documents."""
import json

LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"


def endpoint(node, **conditions):
    return {"addresses": ["198.18.200.1"], "conditions": conditions} | ({"nodeName": node} if node else {})


def slices(*endpoints, of="web", name=None, namespace="default", family="IPv4"):
    """One EndpointSlice of the Service @of."""
    return json.dumps({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
                       "metadata": {"name": name or f"{of}-1", "namespace": namespace, "labels": {
                           "kubernetes.io/service-name": of}}, "endpoints": endpoints, "ports": []}) + "\n"


def on(*nodes, of="web", gone=()):
    """The same, with a ready endpoint on each of @nodes, and one that isn't on each of @gone."""
    return slices(*(endpoint(node, ready=True) for node in nodes), *(endpoint(node, ready=False) for node in gone),
                  of=of)


def node(labels=None, taints=(), unschedulable=False, **conditions):
    """The Node node-1."""
    return json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "labels": labels or {}},
                       "spec": {"unschedulable": unschedulable, "taints": [{"key": key, "effect": "NoExecute"}
                                                                           for key in taints]},
                       "status": {"conditions": [{"type": type, "status": state}
                                                 for type, state in conditions.items()]}}) + "\n"
