from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

from firstread.backbones import Backbone, build
from firstread.datasets import stack
from firstread.errors import UsageError
from firstread.images import read
from firstread.learning import FeatureCache, Features, augmentation, extract
from firstread.learning import features as room
from firstread.learning import sheet as sheets
from firstread.learning.upkeep import holdings
from firstread.progress import Notice, Step

Write = Callable[..., Path]
MILD = augmentation("mild")
SIZE = 64


def make(name: str = "resnet18", seed: int = 0, **options: Any) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name, image_size=SIZE, **options)[0].eval()


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return make()


@pytest.fixture
def paths(write_image: Write) -> list[Path]:
    return [write_image(f"{n}.png", 60 + 20 * n, n) for n in range(7)]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


def last(events: Iterator[Step | Notice | Features]) -> Features:
    *_, final = events
    assert isinstance(final, Features)
    return final


def get(*arguments: Any, **options: Any) -> Features:
    return last(extract(*arguments, **options))


def direct(backbone: Backbone, paths: list[Path]) -> dict[str, torch.Tensor]:
    """Run the network itself, image by image, and keep what comes out of each stage."""
    found: dict[str, list[torch.Tensor]] = {name: [] for name in backbone.stages}
    for path in paths:
        image = read(path).resized(SIZE, backbone.preprocessing.interpolation)
        with torch.inference_mode():
            features = torch.from_numpy(stack([image], image.gray))
            outputs = {name: out.clone() for name, out in backbone.walk(features)}
        for name, modules in backbone.stages.items():
            found[name].append(outputs[modules[-1]])
    return {name: torch.cat(some) for name, some in found.items()}


def near(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "alexnet"])
def test_every_stage_is_what_the_network_itself_gives(name: str, paths: list[Path]) -> None:
    backbone = make(name)
    expected = direct(backbone, paths)
    pooled = get(backbone, paths, stages=list(backbone.stages))
    maps = get(backbone, paths, stages=list(backbone.stages), pooled=False)
    assert list(pooled.stages) == list(backbone.stages)
    for stage, own in expected.items():
        near(maps.stages[stage][0], own.numpy())
        mean = own.mean((2, 3)) if own.ndim == 4 else own
        near(pooled.stages[stage][0], mean.numpy())
        assert pooled.stages[stage].dtype == np.float32


def test_without_a_stage_it_is_the_last(backbone: Backbone, paths: list[Path]) -> None:
    result = get(backbone, paths)
    assert list(result.stages) == ["layer4"]
    assert list(get(make(stage="layer2"), paths).stages) == ["layer2"]
    near(
        get(make(stage="layer2"), paths).stages["layer2"],
        get(backbone, paths, stages=["layer2"]).stages["layer2"],
    )


def test_a_network_of_timms_has_its_last_features(paths: list[Path]) -> None:
    backbone = make("timm/resnet10t")
    result = get(backbone, paths)
    with torch.inference_mode():
        image = read(paths[2]).resized(SIZE, backbone.preprocessing.interpolation)
        own = backbone(torch.from_numpy(stack([image], True)))
    near(result.stages[""][0, 2], own[0].numpy())
    with pytest.raises(UsageError, match=r"'layer4'.*timm/resnet10t.*no stages.*leave the stage"):
        get(backbone, paths, stages=["layer4"])


def test_an_unknown_stage_lists_those_there_are(backbone: Backbone, paths: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"'layer5'.*resnet18.*stem, layer1.*layer4"):
        get(backbone, paths, stages=["layer1", "layer5"])


def test_all_stages_come_from_one_pass_which_ends_behind_the_last_of_them(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = make("alexnet")  # Without batch norms there is no run to fold them.
    passes: list[str] = []
    walk = Backbone.walk

    def counted(self: Backbone, images: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
        for path, output in walk(self, images):
            passes.append(path)
            yield path, output

    monkeypatch.setattr(Backbone, "walk", counted)
    get(backbone, paths, stages=["conv1", "conv3"])
    assert passes == [f"features.{n}" for n in range(8)]


def test_the_second_time_nothing_is_computed(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    options: dict[str, Any] = {"stages": ["layer1", "layer4"], "views": 3, "augmentation": MILD}
    first = get(backbone, paths, cache=cache, **options)
    again = get(backbone, paths, cache=FeatureCache(cache.folder), **options)
    assert (first.computed, again.computed) == (21, 0)
    for stage in options["stages"]:
        np.testing.assert_array_equal(first.stages[stage], again.stages[stage])
    np.testing.assert_array_equal(first.shapes, again.shapes)
    assert again.shapes.tolist() == [[40, 43]] * 7
    assert again.gray.all()


def test_files_are_known_by_what_they_hold(
    backbone: Backbone, paths: list[Path], cache: FeatureCache, tmp_path: Path
) -> None:
    first = get(backbone, paths, cache=cache)
    renamed = tmp_path / "renamed.png"
    shutil.copy(paths[3], renamed)
    again = get(backbone, [renamed, paths[0], renamed], cache=cache)
    assert again.computed == 0
    np.testing.assert_array_equal(again.stages["layer4"][0], first.stages["layer4"][0][[3, 0, 3]])


def test_whatever_changes_features_is_computed_anew(
    backbone: Backbone, paths: list[Path], cache: FeatureCache, write_image: Write
) -> None:
    get(backbone, paths, cache=cache)
    trained = make()
    trained.network.layer4[1].conv2.weight.data[0] += 1
    smaller, normalised, neutralised = make(), make(), make(neutralise=("size",))
    smaller.preprocessing = replace(smaller.preprocessing, size=48)
    normalised.preprocessing = replace(normalised.preprocessing, mean=(0.0, 0.0, 0.0))
    assert get(make(), paths, cache=cache).computed == 0
    assert get(make(seed=1), paths, cache=cache).computed == 7
    assert get(trained, paths, cache=cache).computed == 7
    assert get(smaller, paths, cache=cache).computed == 7
    assert get(normalised, paths, cache=cache).computed == 7
    assert get(neutralised, paths, cache=cache).computed == 7
    assert get(backbone, paths, stages=["layer3"], cache=cache).computed == 7
    assert get(backbone, paths, pooled=False, cache=cache).computed == 7
    assert get(backbone, paths, precision="bfloat16", cache=cache).computed == 7
    write_image("0.png", 60, seed=99)
    assert get(backbone, paths, cache=cache).computed == 1


def test_weights_behind_a_stage_do_not_matter_to_it(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    get(backbone, paths, stages=["layer3"], cache=cache)
    trained = make()
    trained.network.layer4[1].conv2.weight.data[0] += 1
    assert get(trained, paths, stages=["layer3"], cache=cache).computed == 0
    assert get(make(stage="layer3"), paths, cache=cache).computed == 0


def test_only_the_stage_that_is_missing_is_written(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    get(backbone, paths, stages=["layer1"], cache=cache)
    both = get(backbone, paths, stages=["layer1", "layer2"], cache=cache)
    assert both.computed == 7
    assert {h.description["stage"]: h.views for h in holdings(cache.folder)} == {
        "layer1": 7,
        "layer2": 7,
    }


def test_views_depend_on_content_number_and_seed_alone(
    backbone: Backbone, paths: list[Path]
) -> None:
    options: dict[str, Any] = {"views": 3, "augmentation": MILD}
    there = get(backbone, paths, **options).stages["layer4"]
    back = get(backbone, paths[::-1], **options).stages["layer4"]
    alone = get(backbone, [paths[4]], **options).stages["layer4"]
    near(back[:, ::-1], there)
    near(alone[:, 0], there[:, 4])
    near(there[0], get(backbone, paths).stages["layer4"][0])
    other = get(backbone, paths, seed=1, **options).stages["layer4"]
    near(other[0], there[0])
    for one, two in ((there[1], there[2]), (there[1], there[0]), (there[1], other[1])):
        assert np.abs(one - two).max() > 0.01 * np.abs(one).max()


def test_more_views_later_are_added_to_those_there(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    assert get(backbone, paths, views=2, augmentation=MILD, cache=cache).computed == 14
    assert get(backbone, paths, views=4, augmentation=MILD, cache=cache).computed == 14
    assert get(backbone, paths, cache=cache).computed == 0
    tutorial = augmentation("tutorial")
    assert get(backbone, paths, views=2, augmentation=tutorial, cache=cache).computed == 7


def test_gray_and_colour_images_meet_in_one_batch(
    backbone: Backbone, paths: list[Path], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 30, 3), np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "colour.png")
    mixed = [paths[0], tmp_path / "colour.png", paths[1]]
    result = get(backbone, mixed)
    assert result.gray.tolist() == [True, False, True]
    assert result.shapes.tolist() == [[40, 43], [50, 30], [40, 43]]
    near(result.stages["layer4"][0], direct(backbone, mixed)["layer4"].mean((2, 3)).numpy())


@pytest.mark.parametrize("resident", [sheets.RESIDENT, 0])
def test_unreadable_files_are_told_and_the_rest_kept_in_order(
    backbone: Backbone,
    paths: list[Path],
    cache: FeatureCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resident: int,
) -> None:
    monkeypatch.setattr(sheets, "RESIDENT", resident)
    (tmp_path / "text.png").write_text("no image")
    shutil.copy(tmp_path / "text.png", tmp_path / "twin.png")
    bad = [tmp_path / "text.png", tmp_path / "missing.png", tmp_path / "twin.png"]
    mixed = [paths[0], bad[0], paths[1], bad[1], bad[2], *paths[2:]]
    good = get(backbone, paths, views=2, augmentation=MILD, cache=cache)
    for known in (cache, None):
        result = get(backbone, mixed, views=2, augmentation=MILD, cache=known)
        assert result.paths == tuple(paths)
        assert [Path(error.path) for error in result.errors] == bad
        assert "not an image" in str(result.errors[2])
        near(result.stages["layer4"], good.stages["layer4"])
        assert result.computed == (0 if known else 14)


def test_no_readable_file_leaves_an_empty_array(backbone: Backbone, tmp_path: Path) -> None:
    result = get(backbone, [tmp_path / "missing.png"])
    assert result.stages["layer4"].shape[:2] == (1, 0)
    assert len(result.errors) == 1


def test_large_results_are_mapped_from_a_file_and_can_be_trained_on(
    backbone: Backbone, paths: list[Path], cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = get(backbone, paths, views=2, augmentation=MILD, pooled=False, cache=cache)
    monkeypatch.setattr(sheets, "RESIDENT", 1000)
    large = get(backbone, paths, views=2, augmentation=MILD, pooled=False, cache=cache)
    assert isinstance(large.stages["layer4"], np.memmap)
    assert not isinstance(small.stages["layer4"], np.memmap)
    np.testing.assert_array_equal(large.stages["layer4"], small.stages["layer4"])
    tensor = torch.from_numpy(large.stages["layer4"])  # Warns of arrays that can't be written to.
    assert tensor.shape == (2, 7, 512, 2, 2)


def test_the_network_and_torchs_threads_stay_as_they_were(paths: list[Path]) -> None:
    backbone = make().train()
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    threads = torch.get_num_threads()
    get(backbone, paths)
    assert torch.get_num_threads() == threads
    assert backbone.training
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())


def test_a_damaged_shard_is_computed_again_and_said_once(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    first = get(backbone, paths, cache=cache)
    (shard,) = cache.folder.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    events = list(extract(backbone, paths, cache=cache))
    assert [type(event) for event in events].count(Notice) == 1
    again = events[-1]
    assert isinstance(again, Features)
    assert again.computed == 7
    np.testing.assert_array_equal(again.stages["layer4"], first.stages["layer4"])
    assert get(backbone, paths, cache=cache).computed == 0


def test_a_cache_that_cannot_be_written_is_said_once_and_done_without(
    backbone: Backbone, paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    cache = FeatureCache(tmp_path / "taken")
    events = [*extract(backbone, paths, cache=cache), *extract(backbone, paths, cache=cache)]
    notices = [event for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "taken" in notices[0].text
    near(last(iter(events)).stages["layer4"], get(backbone, paths).stages["layer4"])


def test_steps_count_up_to_the_end(
    backbone: Backbone, paths: list[Path], cache: FeatureCache
) -> None:
    steps = [e for e in extract(backbone, paths, cache=cache) if isinstance(e, Step)]
    assert steps[-1] == Step("computing features", 7, 7)
    steps = [e for e in extract(backbone, paths, cache=cache) if isinstance(e, Step)]
    assert steps == [Step("looking up features", 7, 7)]


def test_who_stops_early_keeps_what_was_computed(
    backbone: Backbone, write_image: Write, cache: FeatureCache
) -> None:
    paths = [write_image(f"{n}.png", 100, n) for n in range(40)]
    events = extract(backbone, paths, cache=cache)
    for event in events:
        if isinstance(event, Step) and event.phase == "computing features":
            break
    events.close()  # type: ignore[attr-defined]
    left = get(backbone, paths, cache=cache)
    assert left.computed == 40 - event.done
    assert 0 < event.done < 40


KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from test_features import MILD, make
from firstread.learning import FeatureCache, extract
from firstread.learning import features
features.SHARD_BYTES = 0
paths = sorted(Path(sys.argv[1]).glob("*.png"))
for event in extract(
    make(), paths, views=2, augmentation=MILD, cache=FeatureCache(sys.argv[2])
):
    print(event, flush=True)
"""


def test_after_a_kill_the_rest_is_computed_to_the_same_bits(
    backbone: Backbone, write_image: Write, tmp_path: Path, cache: FeatureCache
) -> None:
    for n in range(60):
        write_image(f"films/{n:02d}.png", 100, n)
    arguments = [str(tmp_path / "films"), str(cache.folder), str(Path(__file__).parent)]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if "computing" in line:
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    paths = sorted((tmp_path / "films").glob("*.png"))
    options: dict[str, Any] = {"views": 2, "augmentation": MILD}
    resumed = get(backbone, paths, cache=cache, **options)
    assert 0 < resumed.computed < 120
    whole = get(backbone, paths, **options)
    np.testing.assert_array_equal(resumed.stages["layer4"], whole.stages["layer4"])


def test_shards_are_written_when_enough_waits(
    backbone: Backbone,
    write_image: Write,
    cache: FeatureCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "SHARD_BYTES", 30 * 512 * 4)
    paths = [write_image(f"{n}.png", 100, n) for n in range(70)]
    get(backbone, paths, cache=cache)
    # Batches of 16 are gathered to 32: two shards, and one of the last 6.
    assert len(list(cache.folder.rglob("*.safetensors"))) == 3


def test_batch_norms_are_folded_for_speed(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[nn.Module] = []
    forward = nn.BatchNorm2d.forward

    def counted(self: nn.BatchNorm2d, images: torch.Tensor) -> torch.Tensor:
        calls.append(self)
        return forward(self, images)

    monkeypatch.setattr(nn.BatchNorm2d, "forward", counted)
    get(make(), paths)
    assert len(calls) == 20  # Those of the one run that finds out what to fold.
