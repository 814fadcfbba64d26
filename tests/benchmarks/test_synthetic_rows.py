import numpy as np
import pytest
from benchmarks.experiments.synthetic_rows import (
    correlated_tasks,
    orthonormal_pair,
    selection_funnel,
)

from mtframework.errors import DataError

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def mean_over_normal(function) -> float:
    """Returns E f(z) for z ~ N(0, 1), by quadrature."""
    return float(WEIGHTS @ function(NODES))


def logistic(values):
    return 0.5 * (1 + np.tanh(values / 2))


class TestCorrelatedTasks:
    @pytest.mark.parametrize("dim", [2, 3, 100])
    def test_directions_are_orthonormal(self, dim):
        pair = np.stack(orthonormal_pair(dim, np.random.default_rng(dim)))
        np.testing.assert_allclose(pair @ pair.T, np.eye(2), atol=1e-12)

    @pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5, 0.9])
    def test_cosine_of_the_weights_is_the_correlation(self, correlation):
        # E[x · f(w·x)] = E[f'(w·x)] · w for normal x (Stein), so that regression finds w's
        # direction.
        features, labels = correlated_tasks(40_000, correlation, dim=5, seed=3)
        found, *_ = np.linalg.lstsq(features, labels - labels.mean(0), rcond=None)
        cosine = found[:, 0] @ found[:, 1] / np.prod(np.linalg.norm(found, axis=0))
        assert cosine == pytest.approx(correlation, abs=0.03)

    def test_labels_are_a_function_of_one_projection_and_noise(self):
        features, labels = correlated_tasks(50_000, 0.3, dim=2, seed=1, scale=0.5, num_waves=2)
        found, *_ = np.linalg.lstsq(features, labels - labels.mean(0), rcond=None)
        z = features @ (0.5 * found / np.linalg.norm(found, axis=0))
        by_hand = z + np.sin(z) + np.sin(2 * z + 1)
        # The directions are known up to about 1/√50,000; what is left is noise of variance 0.01.
        assert np.std(labels - by_hand) == pytest.approx(0.1, abs=0.01)

    def test_label_correlation_is_that_of_the_formula(self):
        def label(z):
            return z + sum(np.sin(i * z + phase) for i, phase in ((1, 0), (2, 1), (3, 4), (4, 9)))

        mean = mean_over_normal(lambda z: label(z / 2))
        variance = mean_over_normal(lambda z: label(z / 2) ** 2) - mean**2 + 0.01
        drawn = []
        for p in (0.0, 0.5, 0.9, 1.0):
            z1, z2 = np.meshgrid(NODES, NODES, indexing="ij")
            both = label(z1 / 2) * label((p * z1 + np.sqrt(1 - p**2) * z2) / 2)
            expected = (WEIGHTS @ both @ WEIGHTS - mean**2) / variance
            samples = [
                np.corrcoef(correlated_tasks(20_000, p, dim=4, seed=seed)[1].T)[0, 1]
                for seed in range(5)
            ]
            drawn.append(np.mean(samples))
            assert drawn[-1] == pytest.approx(expected, abs=0.02), p
        assert drawn == sorted(drawn)

    def test_more_than_half_of_the_variance_is_not_linear_and_little_is_above_degree_six(self):
        z, label = (each.astype("float64") for each in correlated_tasks(100_000, 1.0, dim=2))
        weights, *_ = np.linalg.lstsq(z, label[:, 0] - label[:, 0].mean(), rcond=None)
        projection = z @ weights / np.linalg.norm(weights)

        def unexplained(degree):
            fit = np.polynomial.Polynomial.fit(projection, label[:, 0], degree)
            return np.var(label[:, 0] - fit(projection)) / np.var(label[:, 0])

        assert unexplained(1) > 0.5
        assert unexplained(6) < 0.11

    def test_seed_alone_decides(self):
        first, again, other = (correlated_tasks(10, 0.5, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first[1], again[1])
        assert not np.array_equal(first[1], other[1])
        assert first[0].dtype == first[1].dtype == np.float32

    @pytest.mark.parametrize("correlation", [1.01, -2, float("nan")])
    def test_correlation_out_of_range(self, correlation):
        with pytest.raises(DataError) as raised:
            correlated_tasks(10, correlation)
        assert f"correlation is {correlation}" in str(raised.value)
        assert "from -1 to 1" in str(raised.value)


class TestSelectionFunnel:
    @pytest.mark.parametrize(("bias", "scale"), [(-3.0, 1.5), (0.0, 1.0), (-1.0, 0.0)])
    def test_click_rate_is_the_mean_of_the_formula(self, bias, scale):
        funnel = selection_funnel(100_000, seed=1, click_bias=bias, scale=scale)
        expected = mean_over_normal(lambda z: logistic(bias + scale * z))
        assert funnel.click.mean() == pytest.approx(expected, abs=0.005)

    def test_buy_only_where_clicked(self):
        funnel = selection_funnel(20_000, seed=2)
        assert set(np.unique(funnel.click)) == set(np.unique(funnel.buy)) == {0.0, 1.0}
        assert not funnel.buy[funnel.click == 0].any()

    def test_conversion_probability_is_calibrated_among_clicks_and_depends_on_nothing_else(self):
        funnel = selection_funnel(200_000, seed=3, click_bias=0.0)
        clicked = funnel.click == 1
        edges = np.quantile(funnel.conversion_probability, np.linspace(0, 1, 11)[1:-1])
        group = np.digitize(funnel.conversion_probability, edges)
        for each in range(10):
            rows = clicked & (group == each)
            truth = funnel.conversion_probability[rows].mean()
            error = np.sqrt(truth * (1 - truth) / rows.sum())
            assert abs(funnel.buy[rows].mean() - truth) < 4 * error, each

    def test_curvature_ties_the_conversion_to_the_click(self):
        # One seed, one pair of directions: whatever their angle does, it does to both.
        biased, unbiased = (
            selection_funnel(50_000, seed=4, curvature=curvature) for curvature in (1, 0)
        )
        np.testing.assert_array_equal(biased.click, unbiased.click)

        def lead_of_the_clicked(funnel):
            clicked, probability = funnel.click == 1, funnel.conversion_probability
            return probability[clicked].mean() - probability[~clicked].mean()

        # sin(w1·x) averages 0 over all rows, and w1·x is about 1.5 where clicked.
        assert lead_of_the_clicked(biased) > lead_of_the_clicked(unbiased) + 0.05

    def test_shapes_and_types(self):
        funnel = selection_funnel(7, dim=3)
        assert funnel.features.shape == (7, 3)
        assert funnel.click.shape == funnel.buy.shape == funnel.conversion_probability.shape == (7,)
        assert funnel.features.dtype == funnel.click.dtype == funnel.buy.dtype == np.float32

    @pytest.mark.parametrize("sizes", [{"num_rows": 0}, {"num_rows": 5, "dim": 1}])
    def test_sizes_out_of_range(self, sizes):
        with pytest.raises(DataError, match="One row or more"):
            selection_funnel(**sizes)
