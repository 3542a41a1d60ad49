from __future__ import annotations

import hashlib
import http.server
import json
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import safetensors.torch
import timm
import torch

from firstread.backbones import ZOO, at_hand, build, entry
from firstread.backbones.weights import SHIPPED
from firstread.errors import WeightsError
from firstread.pretraining import read_recipe


@pytest.fixture(scope="module")
def resnet_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return ZOO["resnet18"].construct().state_dict()


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt"])
def test_published_state_dicts_load_unchanged(
    tmp_path: Path, resnet_state: dict[str, torch.Tensor], suffix: str
) -> None:
    path = tmp_path / f"weights.{suffix}"
    save = safetensors.torch.save_file if suffix == "safetensors" else torch.save
    save(resnet_state, path)
    backbone, origin = build("resnet18", str(path))
    for key, tensor in backbone.network.state_dict().items():
        torch.testing.assert_close(tensor, resnet_state[key])
    assert origin.kind == "file"
    assert origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_record_beside_the_file_gives_the_preprocessing(
    tmp_path: Path, resnet_state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(resnet_state, path)
    record = {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "input_size": "odd sizes (97, 225, 257)"}
    path.with_suffix(".json").write_text(json.dumps(record))
    preprocessing = build("resnet18", str(path))[0].preprocessing
    assert preprocessing.mean == (0.1, 0.2, 0.3)
    assert preprocessing.std == (1.0, 2.0, 3.0)
    assert preprocessing.size == 225
    path.with_suffix(".json").write_text('{"mean": [0.1], "std": "x"}')
    with pytest.raises(WeightsError, match=r"weights\.json: can't be read as the record"):
        build("resnet18", str(path))


def test_real_weights_and_their_record(imagenet_file: Path) -> None:
    backbone, _ = build("mobilenet_v2", str(imagenet_file))
    assert backbone.preprocessing.mean == (0.5, 0.5, 0.5)
    assert backbone.preprocessing.size == 225


class Payload:
    """Would make a file if it were ever unpickled."""

    target: ClassVar[str] = ""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path(self.target),))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    Payload.target = str(tmp_path / "was-run")
    for name, write in [
        ("a.pth", torch.save),
        ("b.pt", lambda o, p: p.write_bytes(pickle.dumps(o))),
    ]:
        write({"conv1.weight": Payload()}, tmp_path / name)
        with pytest.raises(WeightsError, match="can't be read as weights alone"):
            build("resnet18", str(tmp_path / name))
    assert not (tmp_path / "was-run").exists()


def test_files_that_do_not_fit_name_the_first_parameter(
    tmp_path: Path, resnet_state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "a.pth"
    torch.save(resnet_state, path)
    with pytest.raises(
        WeightsError, match=r"layer1\.0\.conv1\.weight has the shape \(64, 64, 3, 3\)"
    ):
        build("resnet50", str(path))
    with pytest.raises(WeightsError, match=r"not weights of vgg16: features\.0\.weight is missing"):
        build("vgg16", str(path))
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="holds no state dict"):
        build("resnet18", str(path))
    (tmp_path / "b.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0broken!!")
    with pytest.raises(WeightsError, match=r"b\.safetensors: damaged"):
        build("resnet18", str(tmp_path / "b.safetensors"))
    with pytest.raises(WeightsError, match="no such file"):
        build("resnet18", str(tmp_path / "c.pth"))


def test_zfnet_has_no_official_weights() -> None:
    with pytest.raises(WeightsError, match="zfnet: nobody has published"):
        build("zfnet", "imagenet")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A file server on loopback, which stands in for the publishers' hosts."""
    folder = tmp_path / "host"
    folder.mkdir()
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}", folder
        host.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def published(
    server: tuple[str, Path],
    resnet_state: dict[str, torch.Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A checkpoint on the stand-in host, and a zoo and a cache that know of no other."""
    url, folder = server
    file = folder / "new.pth"
    torch.save(resnet_state, file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    file = file.rename(folder / f"resnet18-{digits}.pth")
    row = ZOO["resnet18"]
    assert row.checkpoint is not None
    there = replace(row, checkpoint=replace(row.checkpoint, url=f"{url}/{file.name}"))
    monkeypatch.setitem(ZOO, "resnet18", there)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return file


def test_official_weights_are_downloaded_once_checked_and_cached(
    published: Path, resnet_state: dict[str, torch.Tensor]
) -> None:
    assert at_hand("resnet18") == "none"
    backbone, origin = build("resnet18", "imagenet")
    torch.testing.assert_close(backbone.network.conv1.weight, resnet_state["conv1.weight"])
    assert origin.kind == "imagenet"
    assert origin.licence
    assert at_hand("resnet18") == "imagenet"
    published.unlink()
    again, _ = build("resnet18", "imagenet")
    torch.testing.assert_close(again.network.conv1.weight, resnet_state["conv1.weight"])


def test_a_download_with_the_wrong_hash_is_refused_and_leaves_nothing(
    published: Path, tmp_path: Path
) -> None:
    content = bytearray(published.read_bytes())
    content[len(content) // 2] ^= 1
    published.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="the download is damaged"):
        build("resnet18", "imagenet")
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_without_a_network_the_file_to_fetch_is_named(published: Path) -> None:
    name = published.name
    published.unlink()
    with pytest.raises(
        WeightsError, match=rf"{name}: can't be downloaded.*--weights FILE takes it"
    ):
        build("resnet18", "imagenet")


def families() -> list[str]:
    """One small network of each of timm's files of networks."""
    names = []
    for module in timm.list_modules():
        models = [m for m in timm.list_models(module=module) if "tiny" in m or "small" in m]
        names += (models or timm.list_models(module=module))[:1]
    return names


@pytest.mark.slow
@pytest.mark.parametrize("name", families())
def test_every_family_of_timm_loads_its_own_state_dict(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    try:
        published = timm.create_model(name, pretrained=False)
    except (RuntimeError, AssertionError, ImportError) as error:
        pytest.skip(f"timm itself can't make it here: {error}")
    if sum(p.numel() for p in published.parameters()) > 150e6:
        pytest.skip("too large for this machine's test run")
    state = {key: value.contiguous().clone() for key, value in published.state_dict().items()}
    torch.save(state, tmp_path / "a.pth")
    backbone, _ = build(f"timm/{name}", str(tmp_path / "a.pth"))
    size = entry(f"timm/{name}").preprocessing.size
    images = torch.rand(1, 3, size, size)
    normal = backbone.normalised(images)
    with torch.inference_mode():
        theirs = published.eval().forward_head(published.forward_features(normal), pre_logits=True)
        torch.testing.assert_close(backbone.eval()(images), theirs)


def test_weights_that_ship_are_there_for_everyone_without_a_network() -> None:
    backbone, origin = build("phantom_s", "phantom")
    assert at_hand("phantom_s") == "phantom"
    assert (origin.kind, origin.licence) == ("phantom", "Apache-2.0")
    assert backbone.preprocessing.size == 128
    # Within the limits that a laptop and a package index set.
    assert sum(p.numel() for p in backbone.parameters()) <= 4e6
    assert (SHIPPED / "phantom_s.safetensors").stat().st_size <= 8e6
    random, _ = build("phantom_s")
    first = backbone.network.conv1[0].weight
    assert not torch.equal(first, random.network.conv1[0].weight)


def test_the_card_of_shipped_weights_says_how_they_were_made() -> None:
    card = json.loads((SHIPPED / "phantom_s.json").read_text(encoding="utf-8"))
    made = read_recipe()
    assert card["recipe"]["steps"] == made.steps
    assert card["recipe"]["seed"] == made.seed
    assert card["images"] == made.steps * made.batch
    assert sum(card["steps_on"].values()) == made.steps
    assert "No image of a patient" in card["never_seen"]


def test_shipped_weights_that_were_changed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("phantom_s.safetensors", "phantom_s.json"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    with (tmp_path / "phantom_s.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    monkeypatch.setattr("firstread.backbones.weights.SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match="install firstread again"):
        build("phantom_s", "phantom")


def test_other_networks_say_which_one_has_shipped_weights() -> None:
    with pytest.raises(WeightsError, match="--backbone phantom_s"):
        build("resnet18", "phantom")
