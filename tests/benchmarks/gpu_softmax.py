"""Loss and gradient of the in-batch softmax at sizes for an accelerator, through JAX.

    KERAS_BACKEND=jax python tests/benchmarks/gpu_softmax.py [--batch 65536] [--dim 128]

Needs JAX and no TensorFlow. Prints one line of JSON for each form: milliseconds (median of 20) and
the peak of the device's memory. The products are bfloat16 and the sums float32; `plain` is the
autodiff of the whole matrix, which 80 GB do not hold at the default size.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp

from mtframework.losses.in_batch_softmax import in_batch_softmax


def ours(queries, candidates):
    weights = jnp.full((queries.shape[0],), 1.0 / queries.shape[0])
    return (weights * in_batch_softmax(queries, candidates, row_weights=weights)).sum()


def plain(queries, candidates):
    logits = jnp.matmul(queries, candidates.T, preferred_element_type=jnp.float32)
    return -jnp.diagonal(jax.nn.log_softmax(logits)).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=65536)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--forms", nargs="+", choices=("ours", "plain"), default=["ours"])
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    keys = jax.random.split(jax.random.key(0), 2)
    shape = (arguments.batch, arguments.dim)
    inputs = [jax.random.normal(key, shape, jnp.bfloat16) / arguments.dim**0.5 for key in keys]
    device = jax.devices()[0]
    for form in arguments.forms:
        step = jax.jit(jax.value_and_grad({"ours": ours, "plain": plain}[form], argnums=(0, 1)))
        seconds = []
        for _ in range(arguments.repeats + 3):
            began = time.perf_counter()
            loss, _ = jax.block_until_ready(step(*inputs))
            seconds.append(time.perf_counter() - began)
        memory = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
        print(
            json.dumps(
                {
                    "form": form,
                    "device": device.device_kind,
                    "batch": arguments.batch,
                    "dim": arguments.dim,
                    "loss": float(loss),
                    "milliseconds": 1000 * statistics.median(seconds[3:]),
                    "peak_mib": memory / 2**20,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
