"""The publication gate: a net that is no better than the one before it is not published."""

from infra.catalogue.card import Losses
from trainer.schedule.guard import GuardRules, loss_of_photo


def refusal(
    before: Losses | None,
    after: Losses,
    rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
) -> str | None:
    """Return why a stage must not become the strongest of its style; None when it may.

    `before` is the strongest stage so far, measured on the same held-out photos. The first stage
    of all is what others are better than; and one that never learned to keep the photo (a very
    short schedule) is no measure for others either.
    """
    if before is None or before.lost >= rules.learned:
        return None
    if after.style >= before.style:
        return (
            f"style distance did not fall on held-out photos ({before.style:.4f} before, "
            f"{after.style:.4f} after)"
        )
    return loss_of_photo(after, rules)
