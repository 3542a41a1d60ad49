from __future__ import annotations

import logging

import pytest
from pynetdicom import _config

from firstread.outlets.pacs.quiet import LOGGERS, quiet


@pytest.mark.parametrize("name", [*LOGGERS, "pynetdicom.acse", "dicomweb_client.web"])
def test_loggers_are_silent_inside_and_as_before_outside(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logger, handlers = logging.getLogger(name), _config.LOG_HANDLER_LEVEL
    with quiet():
        logger.critical("Moriarty^James")
        assert _config.LOG_HANDLER_LEVEL == "none"
    logger.warning("as before")
    assert [record.message for record in caplog.records] == ["as before"]
    assert handlers == _config.LOG_HANDLER_LEVEL
