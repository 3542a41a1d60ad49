from __future__ import annotations

from pathlib import Path

import pytest

from firstread.errors import UsageError
from firstread.outlets.pacs.node import Node, Tls, ae_title


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("PACS@archive.hospital:104", Node("PACS", "archive.hospital", 104)),
        ("MY PACS@10.0.0.7:11112", Node("MY PACS", "10.0.0.7", 11112)),
        ("A@[::1]:4242", Node("A", "::1", 4242)),
    ],
)
def test_nodes(text: str, node: Node) -> None:
    assert Node.parse(text) == node


@pytest.mark.parametrize(
    "text", ["PACS", "PACS@host", "PACS@host:0", "PACS@host:70000", "@host:104", "P@:104", "P@h:x"]
)
def test_what_is_no_node(text: str) -> None:
    with pytest.raises(UsageError, match=r"write AE@HOST:PORT|no AE title"):
        Node.parse(text)


@pytest.mark.parametrize("text", ["", "   ", "A" * 17, "Ä", "A\\B"])
def test_what_is_no_ae_title(text: str) -> None:
    with pytest.raises(UsageError, match="is no AE title"):
        ae_title(text)


def test_certificates_that_can_t_be_used(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cert\.pem.*does not exist"):
        Tls(tmp_path / "cert.pem", tmp_path / "key.pem").accepting()
    (tmp_path / "cert.pem").write_text("x")
    (tmp_path / "key.pem").write_text("x")
    with pytest.raises(UsageError, match="are no certificate with its key"):
        Tls(tmp_path / "cert.pem", tmp_path / "key.pem").calling()
