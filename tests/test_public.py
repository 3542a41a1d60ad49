from __future__ import annotations

import subprocess
import sys

import pytest

import firstread


def modules_after(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after some code."""
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_everything_public_is_there_and_nothing_else() -> None:
    for name in firstread.__all__:
        assert getattr(firstread, name) is not None
    assert set(dir(firstread)) == {*firstread.__all__, "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        firstread.trian  # noqa: B018


@pytest.mark.parametrize("heavy", ["torch", "matplotlib", "sklearn", "pandas", "numpy"])
@pytest.mark.parametrize(
    "code",
    [
        "import firstread",
        "from typer.testing import CliRunner; from firstread.cli import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
    ],
    ids=["import", "help"],
)
def test_import_and_help_load_nothing_heavy(code: str, heavy: str) -> None:
    assert heavy not in modules_after(code)
