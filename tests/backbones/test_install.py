from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_torchvision_that_does_not_fit_is_the_first_thing_said(tmp_path: Path) -> None:
    """A torchvision built for another torch fails as this one does."""
    fake = tmp_path / "torchvision"
    fake.mkdir()
    (fake / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from firstread.cli import main\n"
        "sys.argv = ['firstread', 'zoo']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "torchvision" in done.stderr
    assert "don't work together (operator torchvision::nms does not exist)" in done.stderr
    assert "pip install --upgrade --force-reinstall torch torchvision timm" in done.stderr
    assert "Traceback" not in done.stderr
