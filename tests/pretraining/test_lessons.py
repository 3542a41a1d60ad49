from __future__ import annotations

import math

import pytest
import torch

from firstread.pretraining.lessons import Contrastive, Masked, Questions


def test_a_blind_answer_costs_one() -> None:
    """Cross-entropy counts as a share of that of equal chances, whatever the number of answers."""
    questions = Questions(8, {"two": 2, "nine": 9}, signs=3, spreads=(1.0, 0.1))
    for parameter in questions.parameters():
        torch.nn.init.zeros_(parameter)
    losses = questions.losses(
        torch.randn(4, 8, 2, 2),
        {"two": torch.tensor([0, 1, 0, 1]), "nine": torch.tensor([3, -1, 8, 0])},
        torch.tensor([[0.0, 1.0, torch.nan]] * 4),
        torch.zeros(4, 2, 8, 8),
    )
    assert losses["two"].item() == pytest.approx(1)
    assert losses["nine"].item() == pytest.approx(1)
    assert losses["signs"].item() == pytest.approx(math.log(2))
    assert losses["maps"].item() == 0


def test_what_does_not_apply_costs_nothing_and_teaches_nothing() -> None:
    questions = Questions(8, {"side": 2}, signs=2, spreads=(1.0,))
    features = torch.randn(3, 8, 2, 2, requires_grad=True)
    losses = questions.losses(
        features,
        {"side": torch.full((3,), -1)},
        torch.full((3, 2), torch.nan),
        torch.full((3, 1, 8, 8), torch.nan),
    )
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.item() == 0
    assert features.grad is not None
    assert float(features.grad.abs().max()) == 0


def test_thin_things_count_as_much_as_thick_ones() -> None:
    questions = Questions(8, {"side": 2}, signs=1, spreads=(1.0, 0.01))
    torch.nn.init.zeros_(questions.maps.weight)
    torch.nn.init.zeros_(questions.maps.bias)
    unknown = torch.full((1, 1), torch.nan)
    maps = torch.zeros(2, 1, 2, 4, 4)
    maps[0, 0, 0], maps[1, 0, 1] = 0.5, 0.005
    thick, thin = (
        questions.losses(torch.zeros(1, 8, 1, 1), {"side": torch.tensor([0])}, unknown, m)["maps"]
        for m in maps
    )
    assert thick.item() == pytest.approx(thin.item())
    # Answers are in the units of the truth again.
    torch.nn.init.ones_(questions.maps.bias)
    *_, drawn = questions.answers(torch.zeros(1, 8, 1, 1))
    assert drawn[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.01])


def test_the_contrast_is_smaller_where_the_two_views_agree() -> None:
    teacher = Contrastive(16)
    one = torch.randn(8, 16, 2, 2)
    other = torch.randn(8, 16, 2, 2)
    views, blank = teacher.show(torch.rand(16, 1, 32, 32), torch.Generator())
    alike = teacher.loss(torch.cat([one, one]), views, blank)
    apart = teacher.loss(torch.cat([one, other]), views, blank)
    assert alike.item() < apart.item()


def test_the_contrast_is_sklearns_cross_entropy_of_cosines() -> None:
    from sklearn.metrics import log_loss
    from sklearn.metrics.pairwise import cosine_similarity

    teacher = Contrastive(16)
    features = torch.randn(12, 16, 1, 1)
    loss = teacher.loss(features, features, features)
    places = teacher.project(features.mean((2, 3))).detach().double().numpy()
    likeness = cosine_similarity(places) / 0.2
    chances = []
    for k, row in enumerate(likeness):
        row[k] = -1e9
        chances.append(torch.tensor(row).softmax(0).numpy())
    partners = [(k + 6) % 12 for k in range(12)]
    expected = log_loss(partners, chances, labels=list(range(12)))
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_only_hidden_places_are_drawn_again() -> None:
    teacher = Masked(8)
    features = torch.randn(2, 8, 4, 4)
    views = torch.rand(2, 1, 128, 128)
    blank = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    assert teacher.loss(features, views, blank).item() == 0
    blank[0, 0, 2, 3] = True
    cost = teacher.loss(features, views, blank).item()
    # Another picture at a shown place changes nothing, at the hidden one it does.
    other = views.clone()
    other[0, 0, :16, :16] = 1 - other[0, 0, :16, :16]
    assert teacher.loss(features, other, blank).item() == pytest.approx(cost)
    other[0, 0, 32:48, 48:64] += 2
    assert teacher.loss(features, other, blank).item() != pytest.approx(cost)
