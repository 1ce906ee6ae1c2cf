"""What a card says of the weights and the photos that a style was learnt with."""

from collections.abc import Callable
from dataclasses import replace

import torch

from infra.catalogue.card import LossWeights
from infra.corpus import FOLDER, PHOTOS, SHA256, STARTER, TERMS
from trainer.card import config_digest
from trainer.cli.reproduce import config_from_card
from trainer.training.context import TrainingContext

NEW = ("corpus", "corpus_terms", "loss_weights")


def test_card_names_the_photos_that_came_along(context: Callable[..., TrainingContext]) -> None:
    made = context()
    over = TrainingContext(replace(made.config, photos=FOLDER), made.loss_network)
    card = over.blank_card(over.photos_themselves).training
    assert (card.corpus, card.corpus_terms) == (STARTER, TERMS)
    assert (card.corpus_photos, card.corpus_sha256) == (PHOTOS, SHA256)


def test_card_names_a_folder_of_ones_own_and_no_terms(
    context: Callable[..., TrainingContext],
) -> None:
    made = context()
    card = made.blank_card(made.photos_themselves).training
    assert (card.corpus, card.corpus_terms) == (made.config.photos.name, None)


def test_card_names_the_file_of_the_loss_networks_weights(
    context: Callable[..., TrainingContext],
) -> None:
    made = context()
    weights = made.blank_card(made.photos_themselves).training.loss_weights
    assert isinstance(weights, LossWeights)
    assert weights.file == "squeezenet1_1.safetensors"
    assert len(weights.sha256) == 64
    assert "IMPASTO_LOSS_WEIGHTS" in weights.origin


def test_names_decide_nothing(context: Callable[..., TrainingContext]) -> None:
    """A training of 0.1.0, whose card has none, goes on from its checkpoint."""
    made = context()
    card = made.blank_card(made.photos_themselves)
    told = card.training.model_copy(update=dict.fromkeys(NEW))
    assert config_digest(card.model_copy(update={"training": told})) == config_digest(card)
    other = card.training.model_copy(update={"seed": 5})
    assert config_digest(card.model_copy(update={"training": other})) != config_digest(card)


def test_a_blurred_painting_is_another_training_and_none_is_that_of_before(
    context: Callable[..., TrainingContext],
) -> None:
    made = context()
    card = made.blank_card(made.photos_themselves)
    blurred = card.painting.model_copy(update={"blur": 0.8})
    other = card.model_copy(update={"painting": blurred})
    assert config_digest(other) != config_digest(card)
    again = config_from_card(other, made.config.painting, made.config.photos)
    assert again.painting_blur == 0.8
    seen = TrainingContext(again, made.loss_network)
    assert seen.blank_card(made.photos_themselves).painting == blurred
    assert not torch.equal(seen.painting, made.painting)


def test_the_weight_of_spikes_is_told_and_leaves_older_checkpoints_valid(
    context: Callable[..., TrainingContext],
) -> None:
    """A training of 0.1.0, which weighed none, goes on from its checkpoint."""
    made = context()
    card = made.blank_card(made.photos_themselves)
    assert card.training.spikes == made.config.hyperparameters.spikes > 0
    without = card.training.model_copy(update={"spikes": 0.0})
    assert config_digest(card.model_copy(update={"training": without})) == config_digest(card)
    again = config_from_card(card, made.config.painting, made.config.photos)
    assert again.hyperparameters.spikes == card.training.spikes
