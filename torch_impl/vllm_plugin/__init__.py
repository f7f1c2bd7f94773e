"""Plugin for vLLM: its linear layers and attention on these kernels, and the operators of vllm-xpu-kernels from here.

vLLM loads it by itself wherever both are installed (entry points `vllm.general_plugins`). Nothing of a model changes
until it is asked for:

    vllm serve MODEL --quantization twinkernels_fp8    linear layers: FP8 weights, one scale per output channel, and FP8
                                                       activations, one scale per token (`fp8_gemm`)
    vllm serve MODEL --attention-backend CUSTOM        attention: `kv_insert` and `flash_attn_varlen_func`

`torch.ops._xpu_C`, the operators that vLLM's XPU platform calls, is filled where vllm-xpu-kernels has not defined them:
see `torch_impl.vllm_plugin.xpu_ops`. VLLM_PLUGINS, vLLM's own switch, leaves the plugin out.

Written against vLLM 0.32; source of the interfaces: vllm/plugins, vllm/v1/attention/backends/registry.py,
vllm/model_executor/layers/quantization.
"""

from __future__ import annotations


def register() -> None:
    """Makes the quantisation, the attention backend and absent XPU operators known to vLLM."""
    from torch_impl.vllm_plugin import attention, linear, xpu_ops

    linear.register()
    attention.register()
    xpu_ops.register()
