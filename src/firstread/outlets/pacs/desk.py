"""The desk of a service: what its workers count, tell, and wake each other by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tally:
    """What a service has done since it began.

    Parameters
    ----------
    arrived, answered, sent, failed
        Images.
    refused
        Images that were not taken in; their senders were told so.
    """

    arrived: int = 0
    answered: int = 0
    sent: int = 0
    failed: int = 0
    refused: int = 0


@dataclass
class Desk:
    """What the workers of one service share."""

    stop: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("arrived", "answered", "sent", "failed", "refused"), 0
        )
    )
    refusals: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count of the tally."""
        with self.lock:
            self.counts[name] += number

    def say(self, text: str) -> None:
        """Leave a notice for whoever watches the service."""
        with self.lock:
            self.notices.append(text)

    def took(self) -> None:
        """Count an image that is taken in, and wake who classifies."""
        self.count("arrived")
        self.refusals.clear()
        self.arrived.set()

    def refused(self, reason: str) -> None:
        """Count an image that isn't taken in; say why once until another is taken."""
        self.count("refused")
        if reason not in self.refusals:
            self.refusals.add(reason)
            self.say(f"an image is refused: {reason}")

    def told(self) -> list[str]:
        """Hand over the notices that have gathered."""
        with self.lock:
            told, self.notices = self.notices, []
        return told

    def guarded(self, work: Callable[[], None]) -> threading.Thread:
        """Return a thread; an error in it ends the service instead of being lost."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.errors.append(error)
                self.stop.set()

        return threading.Thread(target=run, daemon=True)
