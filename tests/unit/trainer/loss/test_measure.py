"""Measures of a net agree with those of others."""

import numpy as np
import torch
from skimage.metrics import structural_similarity

from trainer.loss.distances import style_target
from trainer.loss.measure import measure, ssim
from trainer.loss.network import LossNetwork
from worker.net import NetConfig, TransformNet


def test_ssim_is_that_of_scikit_image() -> None:
    torch.manual_seed(2)
    a = torch.rand(1, 3, 40, 56)
    b = (a + 0.2 * torch.randn_like(a)).clamp(0, 1)
    luma = np.array([0.299, 0.587, 0.114])
    grey = [(p[0].permute(1, 2, 0).double().numpy() * luma).sum(-1) for p in (a, b)]
    _, full = structural_similarity(  # type: ignore[reportAssignmentType]
        *grey,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        full=True,
    )
    assert abs(ssim(a, b).item() - full[5:-5, 5:-5].mean()) < 1e-4


def test_a_photo_is_wholly_similar_to_itself() -> None:
    photo = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(ssim(photo, photo), torch.tensor(1.0))


class Unchanged(torch.nn.Module):
    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return photo


class Grey(torch.nn.Module):
    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return torch.full_like(photo, 0.5)


def test_a_photo_is_lost_when_the_painting_could_be_one_of_another(
    loss_network: LossNetwork,
) -> None:
    torch.manual_seed(0)
    photos = [torch.rand(1, 3, 48, 64), torch.rand(1, 3, 64, 48), torch.rand(1, 3, 40, 40)]
    target = style_target(loss_network, torch.rand(1, 3, 64, 64))
    kept = measure(Unchanged(), photos, loss_network, target)  # type: ignore[arg-type]
    lost = measure(Grey(), photos, loss_network, target)  # type: ignore[arg-type]
    assert kept.lost == 0
    assert abs(lost.lost - 1) < 0.2


def test_a_net_is_measured_by_means_over_photos(loss_network: LossNetwork) -> None:
    torch.manual_seed(0)
    net = TransformNet(NetConfig(2, 1))
    target = style_target(loss_network, torch.rand(1, 3, 64, 64))
    photos = [torch.rand(1, 3, 48, 64), torch.rand(1, 3, 64, 48)]
    alone = [measure(net, [photo], loss_network, target) for photo in photos]
    both = measure(net, photos, loss_network, target)
    assert abs(both.style - (alone[0].style + alone[1].style) / 2) < 1e-6
    assert abs(both.content - (alone[0].content + alone[1].content) / 2) < 1e-6
