"""What the backbone is asked: the truth of the images, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from firstread.pretraining.views import hidden

_TEMPERATURE = 0.2
_PROJECTION = 128


class Questions(nn.Module):
    """One linear answer from the pooled features to each question, and maps from the last stage.

    Parameters
    ----------
    width
        Channels of the backbone's last stage.
    labels
        The questions with one answer of several, and how many answers each has.
    signs
        How many things may be there or not.
    spreads
        For each map the standard deviation over the places of many images: a map of thin metal
        then counts as much as one of thick flesh.
    """

    def __init__(
        self, width: int, labels: Mapping[str, int], signs: int, spreads: Sequence[float]
    ) -> None:
        super().__init__()
        self.spreads: Tensor
        spread = torch.tensor(spreads).view(-1, 1, 1)
        self.register_buffer("spreads", spread, persistent=False)
        self.labels = nn.ModuleDict({name: nn.Linear(width, n) for name, n in labels.items()})
        self.signs = nn.Linear(width, signs)
        # The last stage sees 32 pixels as one: it answers for each of the 4 x 4 places in them.
        self.maps = nn.Conv2d(width, len(spreads) * 16, 1)

    def losses(
        self, features: Tensor, labels: Mapping[str, Tensor], signs: Tensor, maps: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss of each question, over the images to which it applies.

        Parameters
        ----------
        features
            (B, C, h, w).
        labels
            Each (B,); -1 where the question doesn't apply.
        signs
            (B, K) of 0 and 1; nan where it doesn't apply.
        maps
            (B, T, 4 h, 4 w); nan where not known.
        """
        pooled = features.mean((2, 3))
        found = {
            name: _cross_entropy(answer(pooled), labels[name])
            for name, answer in self.labels.items()
        }
        found["signs"] = _known(
            functional.binary_cross_entropy_with_logits, self.signs(pooled), signs
        )
        drawn = functional.pixel_shuffle(self.maps(features), 4)
        found["maps"] = _known(functional.smooth_l1_loss, drawn, maps / self.spreads)
        return found

    def answers(self, features: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the logits of labels and signs, and the maps in the units of the truth."""
        pooled = features.mean((2, 3))
        labels = {name: answer(pooled) for name, answer in self.labels.items()}
        maps = functional.pixel_shuffle(self.maps(features), 4) * self.spreads
        return labels, self.signs(pooled), maps


class Contrastive(nn.Module):
    """Two views of one image are to be nearer to each other than to any other image's.

    Parameters
    ----------
    width
        Channels of the backbone's last stage.

    References
    ----------
    T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations"
    (SimCLR), ICML 2020, arXiv:2002.05709, equation 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, _PROJECTION))

    def show(self, views: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the views as they are, and nothing hidden."""
        return views, views.new_zeros(())

    def loss(self, features: Tensor, views: Tensor, blank: Tensor) -> Tensor:
        """Return NT-Xent of features (2 B, C, h, w): first all first views, then all second."""
        places = functional.normalize(self.project(features.mean((2, 3))), dim=1)
        likeness = places @ places.T / _TEMPERATURE
        likeness.fill_diagonal_(float("-inf"))
        half = len(places) // 2
        partners = torch.arange(2 * half, device=places.device).roll(half)
        return functional.cross_entropy(likeness, partners)


class Masked(nn.Module):
    """What hidden patches show is to be drawn from what is around them.

    Parameters
    ----------
    width
        Channels of the backbone's last stage.

    References
    ----------
    Z. Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", CVPR 2022,
    arXiv:2111.09886: blanked pixels in, L1 on the hidden ones out. Patches and picture are
    smaller here.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.draw = nn.Conv2d(width, 64, 1)

    def show(self, views: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the views with patches hidden, and where."""
        return hidden(views, generator)

    def loss(self, features: Tensor, views: Tensor, blank: Tensor) -> Tensor:
        """Return the mean absolute error at hidden places, of a picture at a quarter the size."""
        drawn = functional.pixel_shuffle(self.draw(features), 8)
        wanted = functional.adaptive_avg_pool2d(views, drawn.shape[-1])
        where = functional.interpolate(blank.float(), size=drawn.shape[-2:], mode="nearest")
        return ((drawn - wanted).abs() * where).sum() / where.sum().clamp(min=1)


class Alone(nn.Module):
    """No teacher beside the truth.

    Parameters
    ----------
    width
        As of the others.
    """

    def __init__(self, width: int) -> None:
        super().__init__()

    def show(self, views: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the views as they are, and nothing hidden."""
        return views, views.new_zeros(())

    def loss(self, features: Tensor, views: Tensor, blank: Tensor) -> Tensor:
        """Return nothing to make small."""
        return features.new_zeros(())


TEACHERS: dict[str, type[Contrastive] | type[Masked] | type[Alone]] = {
    "contrastive": Contrastive,
    "masked": Masked,
    "none": Alone,
}


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy over those that have an answer, as a share of a blind guess's."""
    asked = (target >= 0).sum().clamp(min=1)
    total = functional.cross_entropy(logits, target, ignore_index=-1, reduction="sum")
    return total / asked / torch.tensor(float(logits.shape[1])).log()


def _known(loss: Callable[..., Tensor], found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean loss over the answers that are known."""
    known = ~wanted.isnan()
    each = loss(found, wanted.nan_to_num(), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)
