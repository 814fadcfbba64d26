"""The bare matrix products of the tutorial's joint step, by NumPy's BLAS.

Forward and the two of the backward pass: 8192 queries against 1,664 films of 32 numbers, and the
rating head 64-256-128-1.
"""

import numpy as np
from timing import report

SHAPES = ((8192, 32, 1664), (8192, 64, 256), (8192, 256, 128), (8192, 128, 1))


def main() -> None:
    draw = np.random.default_rng(0)
    products = []
    for rows, inner, columns in SHAPES:
        inputs = draw.normal(size=(rows, inner)).astype("float32")
        weights = draw.normal(size=(inner, columns)).astype("float32")
        upstream = draw.normal(size=(rows, columns)).astype("float32")
        products += [(inputs, weights), (upstream, weights.T), (inputs.T, upstream)]
    buffers = [np.empty((a.shape[0], b.shape[1]), "float32") for a, b in products]

    def run():
        for (left, right), out in zip(products, buffers, strict=True):
            np.matmul(left, right, out=out)

    report(run, repeats=30, warm_ups=5)


if __name__ == "__main__":
    main()
