"""Keeps one version of a model loaded and follows the newest one in its folder.

A thread looks every few seconds. A version that is new and has stopped changing is loaded beside
the one in use and then takes its place; requests that still hold the old one finish with it. If
the newest version is removed, the next newest is loaded, which is how a release is taken back. A
version that cannot be loaded is reported once and tried again when its files change.
"""

import logging
import threading
from pathlib import Path

from serving.errors import RepositoryError
from serving.repository import LoadedModel, Repository

logger = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int], ...]


class ModelWatcher:
    """The loaded version of one model.

    Args:
        repository: where its versions are.
        version: serve this one and follow no others; None for the newest.
        poll_seconds: time between two looks (default: 2).

    Raises:
        RepositoryError: no version could be loaded. If older versions can be, the newest of them
            is served and the broken ones are logged as warnings.
    """

    def __init__(
        self, repository: Repository, version: int | None = None, poll_seconds: float = 2.0
    ) -> None:
        self._repository = repository
        self._poll_seconds = poll_seconds
        self._follows = version is None
        self._seen: dict[int, Fingerprint] = {}
        self._broken: dict[int, tuple[Fingerprint, str]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-watcher", daemon=True)
        self._current = repository.load(version) if version is not None else self._load_first()

    @property
    def current(self) -> LoadedModel:
        """The version to answer with now."""
        return self._current

    def states(self) -> list[tuple[int, str | None]]:
        """The served version with None, and broken ones with the reason."""
        broken = [(version, reason) for version, (_, reason) in dict(self._broken).items()]
        served = self._current.version
        return [(served, None), *(entry for entry in broken if entry[0] != served)]

    def start(self) -> None:
        """Starts to follow new versions; does nothing if a version was given."""
        if self._follows:
            self._thread.start()

    def stop(self) -> None:
        """Stops following; a load that has begun is left to end by itself."""
        self._stopped.set()

    def look(self) -> None:
        """Looks once, and loads a version if another one should be served."""
        if not self._follows:
            return
        versions = self._repository.versions()
        self._broken = {
            version: entry for version, entry in self._broken.items() if version in versions
        }
        seen, self._seen = self._seen, {}
        for version, path in reversed(versions.items()):
            if version == self._current.version:
                return
            fingerprint = _fingerprint(path)
            self._seen[version] = fingerprint
            if self._broken.get(version, (None, ""))[0] == fingerprint:
                continue
            if seen.get(version) != fingerprint:
                # It may still be copied; the next look tells.
                return
            if self._load(version, fingerprint):
                return

    def _load_first(self) -> LoadedModel:
        self._repository.find()
        versions = self._repository.versions()
        failures: list[RepositoryError] = []
        for version, path in reversed(versions.items()):
            fingerprint = _fingerprint(path)
            try:
                model = self._repository.load(version)
            except RepositoryError as error:
                failures.append(error)
                self._broken[version] = (fingerprint, str(error))
                continue
            for failure in failures:
                logger.warning("%s. Serving version %d instead.", failure, version)
            return model
        raise failures[0]

    def _load(self, version: int, fingerprint: Fingerprint) -> bool:
        previous = self._current.version
        try:
            self._current = self._repository.load(version)
        except RepositoryError as error:
            self._broken[version] = (fingerprint, str(error))
            logger.warning("%s. Version %d stays in service.", error, previous)
            return False
        self._broken.pop(version, None)
        logger.info("version %d takes the place of version %d", version, previous)
        return True

    def _watch(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            try:
                self.look()
            except OSError as error:
                # A network folder that is away for a moment must not end the watch.
                logger.warning("cannot look for new versions: %s", error)


def _fingerprint(path: Path) -> Fingerprint:
    """Names, sizes and times of all files of a version; changes while it is being copied."""
    entries = []
    for file in sorted(path.rglob("*")):
        try:
            status = file.stat()
        except FileNotFoundError:
            # Removed between listing and looking: it is changing, so any difference will do.
            continue
        entries.append((str(file.relative_to(path)), status.st_size, status.st_mtime_ns))
    return tuple(entries)
