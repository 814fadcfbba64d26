"""Writes torchjd_reference.json: what torchjd 0.18 makes of some gradient matrices.

The numbers are facts, computed in float64, against which every backend is compared, also where
torch is not installed. Run it with torchjd and its solvers installed:

    pip install torch torchjd qpsolvers quadprog cvxpy clarabel ecos
    python tests/balancing/torchjd_reference.py
"""

import json
import pathlib

import numpy as np

PATH = pathlib.Path(__file__).with_suffix(".json")


def matrices():
    """Returns gradient matrices `[num_tasks, size]` by name."""
    rng = np.random.default_rng(7)
    normal = lambda *shape: np.round(rng.normal(size=shape), 4)  # noqa: E731
    common = normal(1, 16)
    made = {
        "two": normal(2, 6),
        "random": normal(3, 16),
        "random_five": normal(5, 16),
        "more_tasks_than_entries": normal(6, 4),
        "agreeing": common + 0.3 * normal(3, 16),
        "conflicting": np.array([[1.0], [-0.9], [0.8]]) * common + 0.5 * normal(3, 16),
        "conflicting_pair": np.array([[1.0, 0.2, 0.0], [-0.8, 0.5, 0.1]]),
        "orthogonal": np.array([[2.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.5, 0]]),
        "parallel": np.array([[1.0], [2.0], [0.5]]) * common,
        "badly_scaled": np.array([[1e-3], [1.0], [1e3]]) * normal(3, 16),
        "badly_scaled_conflict": np.array([[1.0], [-50.0], [1e-2]])
        * (common + 0.4 * normal(3, 16)),
        "tiny": 1e-5 * normal(3, 16),
    }
    return {name: np.round(matrix, 12) for name, matrix in made.items()}


def methods(num_tasks):
    """Returns torchjd's aggregators by the names that they have here, converged or exact."""
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


def aggregate(matrix):
    """Returns torchjd's combination `[size]` of the matrix by the name of the method."""
    import torch

    torch.randperm, torch.rand = ordered, uniform
    gradients = torch.as_tensor(np.asarray(matrix), dtype=torch.float64)
    return {name: method(gradients).numpy() for name, method in methods(len(matrix)).items()}


def main():
    cases = {}
    for name, matrix in matrices().items():
        combined = {method: row.tolist() for method, row in aggregate(matrix).items()}
        cases[name] = {"gradients": matrix.tolist(), "combined": combined}
    PATH.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
