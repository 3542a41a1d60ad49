from __future__ import annotations

import pytest
import torchvision.models as tv

from firstread.backbones import NAMES, zoo_table


@pytest.fixture(scope="module")
def table():
    return zoo_table().set_index("network")


def test_every_network_is_there_in_order(table) -> None:
    assert tuple(table.index) == NAMES
    assert table["year"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("alexnet", tv.AlexNet_Weights),
        ("vgg16", tv.VGG16_Weights),
        ("resnet50", tv.ResNet50_Weights),
    ],
)
def test_numbers_are_those_that_the_weights_were_published_with(table, name, record) -> None:
    published = record.IMAGENET1K_V1.meta
    row = table.loc[name]
    assert row["parameters"] == published["num_params"]
    assert row["top1"] == published["_metrics"]["ImageNet-1K"]["acc@1"]
    # Published in units of 10^9, as multiply-adds.
    assert row["macs"] / 1e9 == pytest.approx(published["_ops"], rel=0.01)


def test_a_network_without_weights_has_no_licence_either(table) -> None:
    assert table.loc["zfnet", ["weights", "licence"]].tolist() == ["none", ""]
    assert (table.drop(["zfnet", "phantom_s"])["weights"] == "imagenet").all()
    assert table.loc["phantom_s", "weights"] == "phantom"
    assert table.drop("zfnet")["licence"].all()
