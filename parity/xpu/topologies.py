"""Descriptions of Intel GPUs for OpenXLA: enough to compile for a card that is not there.

Figures are from the vendor's data sheets. Little of it decides the code that this plugin's Triton pipeline makes:
threads per warp, limits of work groups, shared memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_UNLIMITED: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """One card.

    name: ours. device: what drivers call it. architecture: name in OpenXLA. native: name in Intel's offline compiler.
    cores: Xe cores. lanes: float32 lanes of a core. shared_memory: bytes a work group can have.
    dpas_cycles: that a matrix unit needs for `dpas.8x8` (see `machine_code`).
    bandwidth: bytes per second. l2: bytes. clock: GHz. memory: bytes.
    """

    name: str
    device: str
    architecture: str
    native: str
    cores: int
    bandwidth: int
    l2: int
    clock: float
    memory: int
    lanes: int = 128
    dpas_cycles: int
    shared_memory: int = 128 << 10

    def text(self) -> str:
        """The target configuration in the text form of protocol buffers, as `topologies.get_topology_desc` takes it."""
        info: dict[str, object] = {
            "threads_per_block_limit": 1024,
            "threads_per_warp": 32,
            "shared_memory_per_block": self.shared_memory,
            "shared_memory_per_core": self.shared_memory,
            "shared_memory_per_block_optin": self.shared_memory,
            "threads_per_core_limit": 1024,
            "core_count": self.cores,
            "fpus_per_core": self.lanes,
            **{f"block_dim_limit_{axis}": _UNLIMITED for axis in "xyz"},
            "memory_bandwidth": self.bandwidth,
            "l2_cache_size": self.l2,
            "clock_rate_ghz": self.clock,
            "device_memory_size": self.memory,
            "registers_per_core_limit": -1,
            "registers_per_block_limit": -1,
        }
        lines = [f"  {name}: {value}" for name, value in info.items()]
        lines.append(f'  oneapi_compute_capability {{ architecture: "{self.architecture}" }}')
        body = "\n".join(lines)
        described = f'device_description_str: "{self.device}"'
        return f'gpu_device_info {{\n{body}\n}}\nplatform_name: "SYCL"\n{described}\n'


B580 = Topology(
    name="B580",
    device="Intel(R) Arc(TM) B580 Graphics",
    architecture="BMG",
    native="bmg",
    cores=20,
    dpas_cycles=16,
    bandwidth=456_000_000_000,
    l2=18 << 20,
    clock=2.85,
    memory=12_168_933_376,
)
PVC = Topology(
    name="PVC",
    device="Intel(R) Data Center GPU Max 1100",
    architecture="PVC",
    native="pvc",
    cores=56,
    dpas_cycles=8,
    bandwidth=1_228_800_000_000,
    l2=192 << 20,
    clock=1.55,
    memory=48_946_688_000,
)
TOPOLOGIES: Final = (B580, PVC)
BY_NAME: Final = {topology.name: topology for topology in TOPOLOGIES}
