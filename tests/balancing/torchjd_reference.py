"""Writes torchjd_reference.json: what torchjd 0.18 makes of some gradient matrices.

The numbers are facts, computed in float64, against which every backend is compared, also where
torch is not installed. Some of torchjd's methods iterate or call a conic solver; a result that does
not meet its own method's definition is left out. Run it with torchjd and its solvers:

    pip install torch torchjd qpsolvers quadprog cvxpy clarabel ecos
    python tests/balancing/torchjd_reference.py
"""

import json
import pathlib

import numpy as np

PATH = pathlib.Path(__file__).with_suffix(".json")


def matrices():
    """Returns gradient matrices `[num_tasks, size]` by name."""
    draw = np.random.default_rng(7)

    def normal(*shape):
        return np.round(draw.normal(size=shape), 4)

    common = normal(1, 16)
    conflict = np.array([[1.0], [-50.0], [1e-2]])
    return {
        "two": normal(2, 6),
        "random": normal(3, 16),
        "more_tasks_than_entries": normal(5, 4),
        "agreeing": common + 0.3 * normal(3, 16),
        "conflicting": np.array([[1.0], [-0.9], [0.8]]) * common + 0.5 * normal(3, 16),
        "conflicting_pair": np.array([[1.0, 0.2, 0.0], [-0.8, 0.5, 0.1]]),
        "orthogonal": np.array([[2.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.5, 0]]),
        "parallel": np.array([[1.0], [2.0], [0.5]]) * common,
        "badly_scaled": np.array([[1e-3], [1.0], [1e3]]) * normal(3, 16),
        "badly_scaled_conflict": conflict * (common + 0.4 * normal(3, 16)),
        "tiny": 1e-5 * normal(3, 16),
    }


def methods(num_tasks):
    """Returns torchjd's aggregators by the names that they have here, as exact as they come."""
    import torchjd.aggregation as jd
    from torchjd._linalg import QuadprogProjector

    return {
        "mgda": jd.MGDA(epsilon=1e-12, max_iters=20_000),
        "upgrad": jd.UPGrad(projector=QuadprogProjector(norm_eps=0.0)),
        "cagrad": jd.CAGrad(c=0.5, norm_eps=0.0),
        "imtl_g": jd.IMTLG(),
        "aligned_mtl": jd.AlignedMTL(),
        "pcgrad": jd.PCGrad(),
        "gradvac": jd.GradVac(beta=0.5, eps=0.0),
        "nash_mtl": jd.NashMTL(num_tasks, max_norm=0.0, optim_niter=200),
        "graddrop": jd.GradDrop(),
    }


def is_converged(method, gradients, combined):
    """Returns whether a result meets the definition of its method."""
    progress = gradients @ combined
    if method == "mgda":  # the shortest vector between the gradients
        return combined @ combined - progress.min() <= 1e-6 * combined @ combined
    if method == "nash_mtl":  # the combination of gᵢ / (gᵢ · combination)
        rebuilt = (gradients / progress[:, None]).sum(axis=0)
        return np.abs(rebuilt - combined).max() <= 1e-6 * np.abs(combined).max()
    if method == "cagrad":  # max min = min max
        mean = gradients.mean(axis=0)
        turn = combined - mean
        weights = np.linalg.lstsq(gradients.T, turn, rcond=None)[0]
        towards = gradients.T @ weights / weights.sum()
        bound = towards @ mean + 0.5 * np.linalg.norm(mean) * np.linalg.norm(towards)
        # The conic solver reaches about 1e-5 where the matrix is well scaled.
        return abs(bound - progress.min()) <= 1e-4 * abs(bound)
    return True


def ordered(count, **_):
    """Stands in for torch.randperm: the tasks in their order."""
    import torch

    return torch.arange(count)


def uniform(shape, **options):
    """Stands in for torch.rand: the numbers of `draws`."""
    import torch

    return torch.as_tensor(draws(shape[0]), dtype=options["dtype"])


def draws(size):
    """Returns numbers `[size]` in (0, 1) that anyone can compute."""
    return (np.arange(1, size + 1) * 0.6180339887) % 1.0


def aggregate(matrix, only=None):
    """Returns torchjd's combination `[size]` of the matrix, by method, where it converged."""
    import warnings
    from unittest import mock

    import torch

    gradients = torch.as_tensor(np.asarray(matrix), dtype=torch.float64)
    results = {}
    with (
        mock.patch.object(torch, "randperm", ordered),
        mock.patch.object(torch, "rand", uniform),
        warnings.catch_warnings(),
    ):
        # The convex solvers warn of their own form and accuracy; is_converged judges the latter.
        warnings.simplefilter("ignore")
        for name, method in methods(len(matrix)).items():
            if only and name not in only:
                continue
            combined = method(gradients).numpy()
            if is_converged(name, gradients.numpy(), combined):
                results[name] = combined
    return results


def read():
    """Returns the committed reference: `{case: {"gradients": …, "combined": {method: …}}}`."""
    return json.loads(PATH.read_text())


def main():
    cases = {}
    for name, matrix in matrices().items():
        combined = {method: row.tolist() for method, row in aggregate(matrix).items()}
        cases[name] = {"gradients": matrix.tolist(), "combined": combined}
    PATH.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
