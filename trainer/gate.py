"""The publication gate: a net that is no better than the one before it is not published."""

from trainer.card import Losses

#: Held-out content distance above which a net is not published; see `guard.GuardRules`.
CONTENT_BOUND = 0.85


def refusal(before: Losses | None, after: Losses, bound: float = CONTENT_BOUND) -> str | None:
    """Return why a stage must not become the strongest of its style; None when it may.

    `before` is the strongest stage so far, measured on the same held-out photos. The first stage
    of all is what others are better than; and one that never learned to keep the photo (a very
    short schedule) is no measure for others either.
    """
    if before is None or before.content > bound:
        return None
    if after.style >= before.style:
        return (
            f"style distance did not fall on held-out photos ({before.style:.4f} before, "
            f"{after.style:.4f} after)"
        )
    if after.content > bound:
        return (
            f"content distance is {after.content:.3f} on held-out photos, above the bound of "
            f"{bound:.2f}"
        )
    return None
