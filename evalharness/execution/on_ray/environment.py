"""The address of the cluster and the switches of Ray, from environment variables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec

from evalharness.errors import ConfigError, MissingExtraError

ADDRESS, MODE, TOKEN = "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
LOCAL = "local"
"""The address that starts a cluster on this machine for one run."""
_HOW = (
    f"set {ADDRESS}=HOST:PORT to use the cluster that this machine is a node of, or {ADDRESS}={LOCAL} to start one on "
    "this machine for this run; see docs/ray.md"
)
_SWITCHES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""No usage statistics are sent, and no arguments of calls are logged."""


def check_installed() -> None:
    """Raise MissingExtraError without Ray's package, which this imports nothing of."""
    if find_spec("ray") is None:
        raise MissingExtraError("the executor ray", "ray", "ray")


def ray_settings(given: Mapping[str, str]) -> str:
    """Return what a run would use, for `evalharness doctor`. Raises MissingExtraError, ConfigError."""
    check_installed()
    address = ray_environment(given)[ADDRESS]
    return f"executor ray {version('ray')} at {address} with a token; nothing was connected"


def ray_environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process that connects to the cluster.

    Raises ConfigError: no address, one of another kind, or a cluster without a token.
    """
    address = given.get(ADDRESS, "").strip()
    if not address:
        raise ConfigError(f"executor ray: {ADDRESS} is not set: {_HOW}")
    if "://" in address:
        raise ConfigError(f"executor ray: {ADDRESS}: expected HOST:PORT, got {address!r}: {_HOW}")
    if address == LOCAL:
        return {**given, **_SWITCHES, MODE: "token", TOKEN: given.get(TOKEN) or secrets.token_hex(32)}
    if given.get(MODE) != "token":
        raise ConfigError(
            f"executor ray: {MODE} is not 'token': any program that reaches a cluster without a token can run code on "
            f"it, and Ray listens on all addresses of a node. Start the cluster with {MODE}=token and {TOKEN} or "
            f"RAY_AUTH_TOKEN_PATH, and set the same here; see docs/ray.md"
        )
    return {**given, **_SWITCHES}
