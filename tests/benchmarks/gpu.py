"""What an accelerator is asked for, in a few minutes: `python tests/benchmarks/gpu.py`.

Needs JAX and torch, and no TensorFlow. Prints what each measurement prints: the in-batch softmax of
65,536 queries in bfloat16, with its gradient, and a training step with a table of 10,000,000 rows.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MEASUREMENTS = (
    ("gpu_softmax.py", "--batch", "65536", "--dim", "128"),
    ("contestants/tables.py", "jax", "10000000", "rows"),
    ("contestants/tables.py", "torch", "10000000", "rows"),
)


def main() -> None:
    failed = False
    for script, *arguments in MEASUREMENTS:
        print(script, *arguments, flush=True)
        failed |= bool(subprocess.run([sys.executable, str(HERE / script), *arguments]).returncode)
    sys.exit(failed)


if __name__ == "__main__":
    main()
