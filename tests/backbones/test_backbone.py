from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
import torchvision

from firstread.backbones import NAMES, ZOO, Backbone, assemble, build, entry
from firstread.errors import UsageError
from firstread.images import Preprocessing

SMALL = ("alexnet", "googlenet", "resnet18", "mobilenet_v2")


def reference_features(name: str, network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What the published network computes in front of its last layer."""
    seen: list[torch.Tensor] = []
    top = network.get_submodule(entry(name).top)
    hook = top.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(images)
    hook.remove()
    return seen[0].flatten(1)


@pytest.mark.parametrize("name", NAMES)
def test_features_equal_those_of_the_published_network(name: str) -> None:
    torch.manual_seed(0)
    row = ZOO[name]
    # In float64: random weights blow activations up until float32 loses their digits.
    published = row.construct().eval().double()
    # At the size where fixed poolings in front of the top are global ones.
    size = row.preprocessing.size
    backbone = Backbone(row, Preprocessing(size, (0.0,) * 3, (1.0,) * 3)).eval().double()
    state = published.state_dict()
    backbone.network.load_state_dict({key: state[key] for key in backbone.network.state_dict()})
    images = torch.rand(1, row.channels, size, size, dtype=torch.float64)
    with torch.inference_mode():
        features = backbone(images)
        pooled = features.mean((2, 3)) if features.ndim == 4 else features
        torch.testing.assert_close(pooled, reference_features(name, published, images))


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet10t", "phantom_s"])
def test_gray_images_are_normalised_like_colour_ones(name: str) -> None:
    backbone, _ = build(name)
    gray = torch.rand(2, 1, 64, 64)
    spread = gray.repeat(1, 3, 1, 1)
    # To the bit: what is near a boundary must not depend on who else is in the batch.
    assert torch.equal(backbone.normalised(gray), backbone.normalised(spread))
    preprocessing = backbone.preprocessing
    torch.testing.assert_close(
        backbone.normalised(gray)[:, -1],
        (gray[:, 0] - preprocessing.mean[2]) / preprocessing.std[2],
    )


def test_a_network_native_to_gray_takes_colour_by_its_luma() -> None:
    backbone, _ = build("phantom_s")
    colour = torch.rand(2, 3, 64, 64)
    # ITU-R BT.601, as Pillow's "L" weighs the channels.
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    gray = (colour * weights).sum(1, keepdim=True)
    torch.testing.assert_close(
        backbone.normalised(colour), backbone.normalised(gray), rtol=0, atol=1e-5
    )


def test_preprocessing_comes_from_the_weights_record() -> None:
    for name, weights in [("resnet50", "ResNet50_Weights"), ("vgg16", "VGG16_Weights")]:
        record = torchvision.models.get_weight(f"{weights}.IMAGENET1K_V1").transforms()
        preprocessing = entry(name).preprocessing
        assert list(preprocessing.mean) == record.mean
        assert list(preprocessing.std) == record.std
        assert [preprocessing.size] == record.crop_size
    config = timm.get_pretrained_cfg("convnext_atto")
    assert entry("timm/convnext_atto").preprocessing.mean == config.mean


def test_inception_input_is_what_torchvision_transforms_it_to() -> None:
    """transform_input=True behind ImageNet's mean and std is plain 0.5 and 0.5."""
    images = torch.rand(1, 3, 32, 32)
    record = torchvision.models.get_weight("Inception_V3_Weights.IMAGENET1K_V1").transforms()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (record.mean, record.std))
    with torch.device("meta"):
        published = torchvision.models.inception_v3(init_weights=False, transform_input=True)
    theirs = published._transform_input((images - mean) / std)
    preprocessing = entry("inception_v3").preprocessing
    assert preprocessing.mean == preprocessing.std == (0.5, 0.5, 0.5)
    torch.testing.assert_close((images - 0.5) / 0.5, theirs)


def test_stage_cuts_the_network() -> None:
    backbone, _ = build("resnet18", stage="layer2")
    assert list(backbone.stages) == ["stem", "layer1", "layer2"]
    assert backbone(torch.rand(1, 1, 64, 64)).shape == (1, 128, 8, 8)
    assert not any(key.startswith("layer3") for key in backbone.network.state_dict())
    with pytest.raises(UsageError, match=r"'layer9' is not a stage of resnet18.*layer4"):
        build("resnet18", stage="layer9")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("head", "classes", "width"), [("linear", 3, 3), ("tutorial", 2, 1)])
def test_networks_take_new_tops(name: str, head: str, classes: int, width: int) -> None:
    backbone, _ = build(name, image_size=96)
    network = assemble(backbone, head, classes).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 1, 96, 96)).shape == (2, width)


def test_auxiliary_classifiers_get_the_users_classes_and_can_be_dropped() -> None:
    backbone, _ = build("googlenet", image_size=96)
    network = assemble(backbone, "linear", 4, auxiliary=True)
    with torch.inference_mode():
        logits, side = network.with_auxiliary(torch.rand(2, 1, 96, 96))
    assert [other.shape for other in (logits, *side)] == [(2, 4)] * 3
    network.drop_auxiliary()
    assert not any("aux" in key for key in network.state_dict())
    assert network.with_auxiliary(torch.rand(2, 1, 96, 96))[1] == []


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "timm/resnet10t"])
def test_a_signature_is_mean_and_spread_of_every_channel_of_every_stage(name: str) -> None:
    torch.manual_seed(0)
    backbone, _ = build(name, image_size=160)
    network = assemble(backbone, "linear", 2).eval()
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        features, signature = network.described(images)
        torch.testing.assert_close(features, network.features(images))
        ends = {backbone.end(stage) for stage in backbone.stages or ("",)}
        outputs = [output.numpy() for path, output in backbone.walk(images) if path in ends]
    means, spreads = [], []
    for output in outputs:
        # 16 places a side at least, evenly spread, of maps that have so many.
        step = 2 if output.ndim == 4 and output.shape[2] >= 32 else 1
        places = output[..., ::step, ::step].reshape(*output.shape[:2], -1).astype(np.float64)
        mean, spread = places.mean(axis=2), places.std(axis=2)
        whole = (np.abs(mean) + spread).sum(axis=1, keepdims=True)
        means.append(np.sign(mean) * np.sqrt(np.abs(mean) / whole))
        spreads.append(np.sqrt(spread / whole))
    np.testing.assert_allclose(signature, np.concatenate([*means, *spreads], axis=1), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(signature, axis=1) ** 2, len(outputs), rtol=1e-5)


def test_inception_v3_has_its_auxiliary_loss_at_its_own_size_and_not_on_small_images() -> None:
    for size, expected in [(299, 1), (128, 0)]:
        backbone, _ = build("inception_v3", image_size=size)
        network = assemble(backbone, "linear", 2, auxiliary=True)
        with torch.inference_mode():
            _, side = network.eval().with_auxiliary(torch.rand(1, 1, size, size))
        assert len(side) == expected


def test_images_too_small_for_a_network_are_refused_before_training() -> None:
    backbone, _ = build("inception_v3", image_size=48)
    with pytest.raises(UsageError, match=r"inception_v3 can't take images of 48 x 48 px.*299"):
        assemble(backbone, "linear", 2)
    # timm checks some sizes by assertions that say nothing.
    backbone, _ = build("timm/botnet26t_256", "none", image_size=48)
    with pytest.raises(UsageError, match=r"48 x 48 px \(AssertionError\).*--image-size 256"):
        assemble(backbone, "linear", 2)


def test_unknown_networks_list_the_close_ones() -> None:
    with pytest.raises(UsageError, match="Close to it: resnet50"):
        entry("resnet5O")
    with pytest.raises(UsageError, match="convnext_atto"):
        entry("timm/convnext_ato")
