"""Intervals hold what they promise, and figures are those of scipy and statsmodels on the same data."""

import math
import sys

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from langsmith_finetune import evaluate
from langsmith_finetune.evaluation import answers_needed, exact_mcnemar, paired_difference
from langsmith_finetune.evaluation.comparison import compared, points
from langsmith_finetune.evaluation.metrics import Metric
from langsmith_finetune.evaluation.statistics import answers_needed_for_mean, resampled_means
from tests.support import simulated
from tests.support.evaluations import text_lines

YES_OR_NO = Metric(name="right", score=lambda case, answer: None)


@pytest.mark.slow
@pytest.mark.parametrize(("conversations", "longest", "rate"), simulated.CASES)
def test_interval_covers_no_difference_in_93_to_97_percent_of_simulations(conversations, longest, rate):
    covered = simulated.times_covered(conversations, longest, rate, comparisons=1000)
    assert 930 <= covered <= 970


@pytest.mark.slow
def test_intervals_that_take_answers_for_independent_would_not_cover():
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        differences, _ = simulated.differences(draw, 40, 8, 0.6)
        found = paired_difference(differences, [str(at) for at in range(len(differences))])
        covered += found.low <= 0 <= found.high
    assert covered < 0.92 * 300


@pytest.mark.slow
def test_interval_covers_a_true_difference():
    draw = np.random.default_rng(11)
    covered = 0
    for _ in range(500):
        place = np.repeat(np.arange(40), draw.integers(1, 5, 40))
        before, after = draw.random(len(place)) < 0.5, draw.random(len(place)) < 0.7
        found = paired_difference(list(after.astype(float) - before), [str(at) for at in place])
        covered += found.low <= 0.2 <= found.high
    assert 0.92 * 500 <= covered <= 0.98 * 500


def test_a_model_against_itself_shows_no_difference():
    found = paired_difference([0.0] * 50, [str(number // 2) for number in range(50)])
    assert found.mean == 0
    assert found.low < 0 < found.high
    assert found.p_value == 1
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 25))  # nothing seen in 25 conversations


def test_twenty_of_twenty_is_not_certain():
    found = paired_difference([1.0] * 20, [str(number) for number in range(20)])
    assert found.high == 1
    # The lower end of Clopper and Pearson, of which this is the case.
    assert found.low == pytest.approx(stats.binomtest(20, 20).proportion_ci(0.95).low)


@pytest.mark.parametrize("differing", [1, 2, 3, 4])
def test_few_answers_in_one_direction_do_not_show_a_difference(differing):
    found = paired_difference([1.0] * differing + [0.0] * (20 - differing), [str(n) for n in range(20)])
    assert found.low <= 0 < found.high


def test_an_interval_excludes_zero_only_where_mid_p_does():
    draw = np.random.default_rng(5)
    for _ in range(200):
        differences = draw.choice([-1.0, 0.0, 1.0], size=30, p=[0.08, 0.7, 0.22])
        found = paired_difference(list(differences), [str(n) for n in range(30)])
        both = found.better + found.worse
        mid = (
            stats.binomtest(found.better, both).pvalue - stats.binom.pmf(found.better, both, 0.5)
            if both
            else 1
        )
        if not found.low <= 0 <= found.high:
            assert mid <= 0.05


def test_one_conversation_says_nothing_of_others():
    found = paired_difference([1.0] * 30, ["chat"] * 30)
    assert (found.low, found.high) == (-1, 1)
    unbounded = paired_difference([3.0] * 30, ["chat"] * 30, bounded=False)
    assert (unbounded.low, unbounded.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (0, 5), (8, 1), (12, 13), (40, 22)])
def test_exact_mcnemar_is_that_of_statsmodels(better, worse):
    table = [[10, better], [worse, 10]]
    assert exact_mcnemar(better, worse) == pytest.approx(float(mcnemar(table, exact=True).pvalue))


def test_resampled_percentiles_are_those_of_scipys_bootstrap():
    draw = np.random.default_rng(0)
    sizes = draw.integers(1, 6, 50).astype(float)
    sums = draw.binomial(sizes.astype(int), 0.6).astype(float)
    theirs = stats.bootstrap(
        (sums, sizes),
        lambda sums, sizes, axis: sums.sum(axis) / sizes.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = np.quantile(resampled_means(sums, sizes, seed=2, resamples=20_000), [0.025, 0.975])
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.006)


def test_spread_of_resampled_means_is_the_cluster_robust_error_of_statsmodels():
    import statsmodels.api as sm

    draw = np.random.default_rng(3)
    place = np.repeat(np.arange(80), draw.integers(1, 7, 80))
    values = draw.normal(size=80)[place] + draw.normal(size=len(place))
    model = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": place, "use_correction": False}
    )
    spread = resampled_means(np.bincount(place, values), np.bincount(place).astype(float), seed=0).std()
    assert spread == pytest.approx(float(model.bse[0]), rel=0.05)


def test_interval_of_many_lone_answers_is_that_of_students_t():
    draw = np.random.default_rng(4)
    values = draw.normal(0.1, 1, size=25)
    found = paired_difference(list(values), [str(n) for n in range(25)], bounded=False)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx([theirs.low, theirs.high], abs=0.05)


@pytest.mark.parametrize(("share", "needed"), [(0.1, 76), (0.2, 154), (0.5, 390)])
def test_answers_needed_for_ten_points_follow_the_share_that_differs(share, needed):
    assert answers_needed(10, share_that_differs=share) == needed


def test_so_many_answers_show_ten_points_four_times_in_five():
    draw = np.random.default_rng(6)
    needed = answers_needed(10, share_that_differs=0.3)
    shown = 0
    for _ in range(1000):
        worse, better, _ = draw.multinomial(needed, [0.1, 0.2, 0.7])
        shown += (better - worse) / math.sqrt(better + worse) > 1.96
    assert 760 <= shown <= 840


def test_fewer_points_need_more_answers_and_a_share_cannot_be_below_them():
    assert answers_needed(5, share_that_differs=0.2) > 4 * answers_needed(10, share_that_differs=0.2) * 0.9
    assert answers_needed(10, share_that_differs=0) == answers_needed(10, share_that_differs=0.1)


@pytest.mark.parametrize(
    ("points_", "share", "text"),
    [
        (0, 0.1, "points must be above 0 and at most 100, not 0"),
        (101, 0.1, "points must be above 0 and at most 100, not 101"),
        (10, 1.5, "share_that_differs must be a share between 0 and 1, not 1.5"),
    ],
)
def test_answers_needed_of_nonsense_are_refused(points_, share, text):
    with pytest.raises(ValueError) as caught:
        answers_needed(points_, share_that_differs=share)
    assert str(caught.value) == text


def test_answers_needed_of_means_are_those_of_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    theirs = NormalIndPower(ddof=0).solve_power(0.1 / math.sqrt(0.16), power=0.8, alpha=0.05, ratio=0)
    assert answers_needed_for_mean(0.1, variance=0.16) == math.floor(theirs)


def test_no_differences_are_refused():
    with pytest.raises(ValueError) as caught:
        paired_difference([], [])
    assert str(caught.value) == "there are no differences to take the mean of"


def test_the_same_seed_gives_the_same_interval():
    differences, names = [1.0, -1.0, 0.0, 1.0, 1.0] * 8, [str(n // 3) for n in range(40)]
    one, same, other = (paired_difference(differences, names, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.03)


def test_order_of_answers_does_not_matter():
    differences, names = [1.0, -1.0, 0.0, 1.0, 1.0] * 8, [str(n // 3) for n in range(40)]
    assert paired_difference(differences[::-1], names[::-1]) == paired_difference(differences, names)


def test_answers_that_repeat_each_other_need_more_answers():
    alone = paired_difference([1.0, -1.0, 0.0, 0.0] * 10, [str(n) for n in range(40)])
    repeated = paired_difference(
        [each for each in [1.0, -1.0, 0.0, 0.0] * 10 for _ in range(4)], [str(n // 4) for n in range(160)]
    )
    assert alone.design_effect == 1
    assert repeated.design_effect == pytest.approx(4, rel=0.05)


def comparison(before, after, conversations=None):
    names = conversations or [str(n) for n in range(len(before))]
    return compared(YES_OR_NO, ("old", "new"), (before, after), names, confidence=0.95, seed=0)


def test_verdict_says_which_is_better_by_how_much_and_how_sure():
    found = comparison(
        [0.0] * 60 + [1.0] * 40, [1.0] * 30 + [0.0] * 30 + [1.0] * 40, [str(n // 2) for n in range(100)]
    )
    low, high = points(found.low, found.high)
    assert found.verdict == (
        f"new is better than old by 30 points (95 % interval {low} to {high}, n = 100 answers in 50 conversations)"
    )
    assert found.better == "new"
    mirrored = comparison([1.0] * 30 + [0.0] * 30 + [1.0] * 40, [0.0] * 60 + [1.0] * 40)
    assert mirrored.verdict.startswith("old is better than new by 30 points (95 % interval ")


def test_verdict_says_that_there_are_too_few_answers_and_how_many_are_needed():
    before, after = [1.0, 0.0] * 10, [1.0, 0.0] * 8 + [0.0, 1.0] * 2
    found = comparison(before, after)
    assert found.share_that_differs == 0.2
    assert found.answers_needed == 154
    low, high = points(found.low, found.high)
    assert found.verdict == (
        "no difference can be shown between old and new with 20 answers in 20 conversations "
        f"(95 % interval {low} to {high} points; 10 points would need about 154)"
    )


def test_verdict_of_many_answers_names_no_further_ones():
    before = [1.0, 0.0] * 200
    after = before[:-40] + [1 - score for score in before[-40:]]
    assert "would need" not in comparison(before, after).verdict


@pytest.mark.parametrize(
    ("shares", "texts"),
    [((0.31, 0.22, 0.4), ["31", "22", "40"]), ((0.12, 0.004, 0.24), ["12", "0.4", "24"]), ((0.0, -0.168), ["0", "-17"]), ((-0.0001,), ["0"])],
)  # fmt: skip
def test_points_are_whole_unless_that_hides_something(shares, texts):
    assert points(*shares) == texts


def test_a_model_name_cannot_steer_a_terminal():
    found = compared(
        YES_OR_NO, ("old\x1b[2J", "new\n"), ([0.0] * 9, [1.0] * 9), list("abcdefghi"), confidence=0.95, seed=0
    )
    assert found.verdict.startswith("new\\n is better than old\\x1b[2J by 100 points")


def test_without_scipy_nothing_is_asked_and_the_extra_is_named(monkeypatch):
    asked = []
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError) as caught:
        evaluate({"mine": asked.append}, text_lines(1), progress=False)
    assert str(caught.value) == 'evaluation needs scipy: pip install "langsmith-finetune[evaluation]"'
    assert asked == []


def test_without_jsonschema_nothing_is_asked_and_the_extra_is_named(monkeypatch):
    asked = []
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(ImportError) as caught:
        evaluate({"mine": asked.append}, text_lines(1), progress=False)
    assert str(caught.value) == 'evaluation needs jsonschema: pip install "langsmith-finetune[evaluation]"'
    assert asked == []
