"""The publication gate: a net stays out that is no better than the one before, or has faults."""

from infra.catalogue.card import Losses
from trainer.schedule.guard import GuardRules, loss_of_photo


def refusal(
    before: Losses | None,
    after: Losses,
    rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
) -> str | None:
    """Return why a stage must not become the strongest of its style; None when it may.

    No stage may have holes or halos. `before` is the strongest stage so far, measured on the same
    held-out photos. The first stage of all is what others are better than; and one that never
    learned to keep the photo (a very short schedule) is no measure for others either.
    """
    if reason := holes(after, rules) or halos(after, rules):
        return reason
    if before is None or before.lost >= rules.learned:
        return None
    if after.style >= before.style:
        return (
            f"style distance did not fall on held-out photos ({before.style:.4f} before, "
            f"{after.style:.4f} after)"
        )
    return loss_of_photo(after, rules)


def holes(after: Losses, rules: GuardRules) -> str | None:
    """Return how much of a photo is dead; None while next to nothing is.

    A net that never learned to keep a photo (a very short schedule) has no holes that one could
    tell from the rest; on a single photo, of which `lost` is 0, neither can be told.
    """
    if after.dead <= rules.dead or not _keeps_photos(after, rules):
        return None
    return (
        f"the net paints holes: {after.dead:.1%} of a held-out photo is dead, painted in "
        f"the colour of nothing, and {rules.dead:.1%} is the bound"
    )


def halos(after: Losses, rules: GuardRules) -> str | None:
    """Return how far the rims of edges overshoot; None while hardly anybody sees it.

    Of a net that never learned to keep a photo it cannot be told, as with holes.
    """
    if after.halo <= rules.halo or not _keeps_photos(after, rules):
        return None
    return (
        f"the net paints halos: flat areas beside an edge are off by {after.halo:.1%} of white on "
        f"held-out photos, and {rules.halo:.1%} is the bound"
    )


def _keeps_photos(after: Losses, rules: GuardRules) -> bool:
    return 0 < after.lost < rules.learned
