"""The manifest and the image for a cluster: a token, no root, bounded, reached by its own pods."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
KNOWN = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
OF_GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
"""The fields of KubeRay's RayCluster (v1) that the manifest uses."""


def documents() -> dict[str, Any]:
    """The documents of the manifest by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "raycluster.yaml").read_text())}


def groups() -> list[dict[str, Any]]:
    """The head and the groups of workers."""
    spec = documents()["RayCluster"]["spec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def test_fields_of_the_cluster() -> None:
    """The cluster has a token and no field that KubeRay does not know; its version is the locked one."""
    cluster = documents()["RayCluster"]
    assert cluster["apiVersion"] == "ray.io/v1"
    assert cluster["spec"].keys() == KNOWN
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    lock = (DEPLOY.parents[1] / "setup" / "constraints.txt").read_text()
    assert f"\nray=={cluster['spec']['rayVersion']} " in lock
    for group in groups():
        assert group.keys() <= OF_GROUP
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@pytest.mark.parametrize("number", [0, 1])
def test_pods_are_confined(number: int) -> None:
    """Each pod runs without root and privileges, with bounded memory, and without a token of Kubernetes."""
    pod = groups()[number]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"] == container["resources"]["requests"]


def test_only_the_cluster_reaches_its_pods() -> None:
    """The network policy selects all pods of the cluster, and lets in these and the operator."""
    policy = documents()["NetworkPolicy"]["spec"]
    labels = policy["podSelector"]["matchLabels"]
    assert all(group["template"]["metadata"]["labels"].items() >= labels.items() for group in groups())
    (rule,) = policy["ingress"]
    own, operator = rule["from"]
    assert own == {"podSelector": {"matchLabels": labels}}
    assert operator["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "kuberay-operator"}


def test_keys_are_on_workers_alone() -> None:
    """The secret with the keys of endpoints is not in the head's pod, and no secret is in the manifest."""
    head, workers = (group["template"]["spec"]["containers"][0] for group in groups())
    assert "envFrom" not in head
    assert workers["envFrom"] == [{"secretRef": {"name": "model-keys"}}]
    assert "Secret" not in documents()


def test_image() -> None:
    """The image has a pinned base, switches statistics off, and runs as the user of the manifest."""
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^FROM python:\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    user = documents()["RayCluster"]["spec"]["headGroupSpec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert re.findall(r"^USER (\d+)$", text, re.MULTILINE) == [str(user)]
    assert "RAY_USAGE_STATS_ENABLED=0" in text
