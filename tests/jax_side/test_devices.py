"""Platforms by the names that lowering rules go by."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import pytest

from jax_impl.place import lowering_for
from jax_impl.platforms import devices
from jax_impl.support import default_platform


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A device as JAX shows it."""

    platform: str = "gpu"
    client: object = field(default_factory=object)


def test_cards_of_different_makers_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, unknown = Device(), Device(), Device(platform="neuron")
    monkeypatch.setattr(
        "jax_impl.platforms.devices.xla_bridge.backends", lambda: {"cuda": one.client, "oneapi": other.client}
    )
    assert [devices.platform_name(device) for device in (one, other, unknown)] == ["cuda", "oneapi", "neuron"]


def test_the_default_is_the_first_devices_unless_told_otherwise() -> None:
    assert default_platform() == devices.platform_name(jax.devices()[0])
    with lowering_for("oneapi"):
        assert default_platform() == "oneapi"
    assert default_platform() == devices.platform_name(jax.devices()[0])
