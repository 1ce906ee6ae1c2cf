"""Previews: photos as a net paints them."""

import numpy as np
import torch
from torch import Tensor

from trainer.publish.previews import draw_previews, jpeg
from trainer.publish.sheet import triptych
from worker.net import NetConfig, TransformNet
from worker.net.grain import paint


class DistantNet(TransformNet):
    """A net on a device that is everywhere, and has no memory: it stands for a graphics card."""

    def __init__(self) -> None:
        with torch.device("meta"):
            super().__init__(NetConfig(2, 1))
        self.seen: list[Tensor] = []

    def forward(self, photo: Tensor) -> Tensor:
        self.seen.append(photo)
        return torch.zeros(photo.shape)


def test_photos_are_painted_where_the_net_is() -> None:
    net = DistantNet()
    pictures = draw_previews(net, {0: torch.zeros(1, 3, 40, 50), 2: torch.zeros(1, 3, 50, 40)})
    assert [photo.device.type for photo in net.seen] == ["meta", "meta"]
    assert {number: picture[:2] for number, picture in pictures.items()} == {
        0: b"\xff\xd8",
        2: b"\xff\xd8",
    }


def test_pictures_for_people_are_painted_under_the_nets_grain() -> None:
    torch.manual_seed(0)
    net = TransformNet(NetConfig(2, 1, grain=30.0))
    photo = torch.full((1, 3, 300, 300), 0.5)
    painted = paint(net, photo)
    assert draw_previews(net, {0: photo}) == {0: jpeg(painted)}
    drawn = np.asarray(triptych(photo, photo, net))[:, -300:]
    assert np.array_equal(drawn, painted[0].permute(1, 2, 0).mul(255).round().byte().numpy())
