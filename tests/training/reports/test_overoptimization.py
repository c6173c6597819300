import itertools

import numpy as np
import pytest

from training.reports.overoptimization import best_of_n, best_of_n_kl, fit_best_of_n, fit_rl

KL = [0.0, 0.25, 1.0, 2.0, 4.0, 9.0, 16.0]


def test_each_curve_is_found_again() -> None:
    d = np.sqrt(KL)[1:]
    rl = fit_rl(KL, [0.0, *(d * (2.0 - 0.7 * np.log(d)))])
    bon = fit_best_of_n(KL, [0.0, *(d * (2.0 - 0.3 * d))])
    assert (rl.a, rl.b, rl.r_squared) == pytest.approx((2.0, 0.7, 1.0))
    assert (bon.a, bon.b, bon.r_squared) == pytest.approx((2.0, 0.3, 1.0))
    assert fit_best_of_n(KL, [0.0, *(d * (2.0 - 0.7 * np.log(d)))]).r_squared < 0.99


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_is_the_mean_over_all_choices(n: int) -> None:
    generator = np.random.default_rng(0)
    proxy, judged = generator.normal(size=(3, 5)), generator.normal(size=(3, 5))
    expected = [
        judged[row, max(choice, key=lambda i: proxy[row, i])]
        for row in range(3)
        for choice in itertools.combinations(range(5), n)
    ]
    assert best_of_n(proxy, judged, n) == pytest.approx(np.mean(expected))


def test_the_kl_of_best_of_n() -> None:
    assert best_of_n_kl(1) == 0
    assert best_of_n_kl(4) == pytest.approx(np.log(4) - 0.75)
