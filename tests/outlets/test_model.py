from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from firstread.errors import DataError
from firstread.outlets.model import Code, Model, read_codes


def test_codes_of_labels_are_short_strings_and_stay_apart() -> None:
    labels = ["chest", "x" * 17, "x" * 18, "Ä", " a", "a\\b", ""]
    codes = [Code.of_label(label) for label in labels[:-1]]
    assert codes[0].value == "chest"
    assert len({code.value for code in codes}) == len(codes)
    assert all(len(code.value) <= 16 and code.value.isascii() for code in codes)
    assert codes[1].value == "L" + hashlib.sha256(b"x" * 17).hexdigest()[:12].upper()
    assert codes[5].meaning == "a/b"


def test_a_table_of_codes(tmp_path: Path) -> None:
    table = tmp_path / "codes.csv"
    table.write_text("label,value,scheme,meaning\nchst,51185008,SCT,Thorax\n")
    assert read_codes(table, ("abd", "chst")) == {"chst": Code("51185008", "SCT", "Thorax")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,value\n", "has no column scheme, meaning"),
        ("label,value,scheme,meaning\nhand,1,SCT,Hand\n", "'hand' is no label of this model"),
        (f"label,value,scheme,meaning\nabd,{'1' * 17},SCT,x\n", "line 2: the value must have"),
        ("label,value,scheme,meaning\nabd,1\n", "line 2: the scheme must have 1 to 16"),
    ],
)
def test_tables_that_can_t_be_used(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "codes.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        read_codes(table, ("abd", "chst"))
    with pytest.raises(DataError, match="does not exist"):
        read_codes(tmp_path / "no.csv", ("abd",))
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no CSV"):
        read_codes(table, ("abd",))


def test_uids_differ_by_kind_source_and_model(model: Model) -> None:
    uids = {model.uid(kind, source) for kind in ("a", "b") for source in ("1.2", "1.3")}
    assert len(uids) == 4
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
