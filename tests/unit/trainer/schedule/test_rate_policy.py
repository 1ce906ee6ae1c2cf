"""How long a stage trains, and at which rate."""

from hypothesis import given
from hypothesis import strategies as st

from infra.jobs.domain.schedule import Stage
from trainer.schedule.learning_rate import Adaptive, learning_rate, settled
from trainer.schedule.rate_policy import AdaptiveRate, FixedRate

RULE = Adaptive(window=10, threshold=0.02, least=0.25, cooling=0.2, every=5)


def ends_at(policy: AdaptiveRate, losses: list[float]) -> int:
    for iteration, loss in enumerate(losses):
        if policy.ended(iteration):
            return iteration
        policy.observe(loss)
    return len(losses)


def adaptive(iterations: int = 200) -> AdaptiveRate:
    return AdaptiveRate(Stage(1.0, iterations), RULE, peak=1e-3, floor=1e-4)


def test_a_fixed_rate_is_the_schedule() -> None:
    policy = FixedRate(Stage(1.0, 50), peak=1e-3, floor=1e-4)
    rates = [learning_rate(i, 50, peak=1e-3, floor=1e-4) for i in range(50)]
    assert [policy.rate(i) for i in range(50)] == rates
    assert not policy.ended(49)
    assert policy.ended(50)


def test_a_flat_loss_settles_and_a_falling_one_does_not() -> None:
    assert settled([1.0] * 20, RULE)
    assert settled([1.0] * 10 + [1.5] * 10, RULE)
    assert not settled([1.0 - 0.02 * i for i in range(20)], RULE)
    assert not settled([1.0] * 19, RULE)


def test_a_settled_stage_cools_down_and_ends_early() -> None:
    """The least is a quarter of 200; from there 40 iterations of cooling."""
    policy = adaptive()
    assert ends_at(policy, [1.0] * 200) == 50 + 40
    assert policy.rate(49) == 1e-3
    assert policy.rate(50) == 1e-3
    assert 1e-4 < policy.rate(89) < 1.1e-4 + 1e-5


def test_a_short_stage_settles_too() -> None:
    """Under the rule that stands: quick styles have stages of 50 to 100 iterations."""
    for iterations in (50, 100, 150):
        policy = AdaptiveRate(Stage(1.0, iterations), Adaptive(), peak=1e-3, floor=1e-4)
        assert ends_at(policy, [1.0] * iterations) < iterations
    assert Adaptive().within(300) == Adaptive()


def test_a_stage_that_never_settles_has_all_its_iterations() -> None:
    policy = adaptive()
    assert ends_at(policy, [1000.0 * 0.95**i for i in range(300)]) == 200
    assert policy.rate(159) == 1e-3
    assert policy.rate(199) < 1.1e-4


@given(losses=st.lists(st.floats(0.1, 2), min_size=260, max_size=260), stop=st.integers(0, 100))
def test_the_same_losses_end_a_stage_at_the_same_iteration(losses: list[float], stop: int) -> None:
    """A policy that was shown the first losses anew goes on as the first one does."""
    whole, resumed = adaptive(), adaptive()
    end = ends_at(whole, losses)
    assert 50 + 40 <= end <= 200
    for loss in losses[: min(stop, end)]:
        resumed.observe(loss)
    for iteration in range(min(stop, end), end):
        assert not resumed.ended(iteration)
        resumed.observe(losses[iteration])
    assert resumed.ended(end)
