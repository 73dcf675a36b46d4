"""``--set field.in.dots=value``: puts values over those of an experiment file.

What an override brings stands nowhere in the file, so mistakes in it are shown with the override.
"""

from collections.abc import Iterable

from pipeline.yaml_positions import Document, Path, SyntaxProblem, parse


class OverrideError(ValueError):
    """An override that cannot be read or put anywhere."""


def override(document: Document, overrides: Iterable[str]) -> dict[Path, str]:
    """Changes a document, whose data are a mapping.

    Args:
        document: changed in place; the lines of what is replaced are removed.
        overrides: ``field.in.dots=value`` in YAML, later ones over earlier ones.

    Returns:
        for each field that an override brought, the override.

    Raises:
        OverrideError: an override cannot be read, or the file has no such place.
    """
    origins: dict[Path, str] = {}
    for text in overrides:
        _put(document, text, origins)
    return origins


def _put(document: Document, text: str, origins: dict[Path, str]) -> None:
    origin = f"--set {text}"
    field, equals, written = text.partition("=")
    path: Path = tuple(field.strip().split("."))
    if not equals or not all(path):
        raise OverrideError(
            f"{origin}: write it as field.in.dots=value, for example training.epochs=3"
        )
    try:
        value = parse(written)
    except SyntaxProblem as error:
        raise OverrideError(f"{origin}: {written!r} is not valid YAML: {error}") from error
    for problem in value.problems:
        twice = ".".join(map(str, (*path, *problem.path)))
        raise OverrideError(f"{origin}: {twice}: {problem.message}")
    place = document.data
    for index, key in enumerate(path[:-1], start=1):
        inner = place.get(key)
        if inner is None:
            inner = place[key] = {}
            if path[:index] not in document.lines:
                origins.setdefault(path[:index], origin)
        if not isinstance(inner, dict):
            raise OverrideError(
                f"{origin}: {'.'.join(map(str, path[:index]))} is {inner!r} in the file and has "
                "no fields"
            )
        place = inner
    place[path[-1]] = value.data
    for places in (document.lines, origins):
        for replaced in [known for known in places if known[: len(path)] == path]:
            del places[replaced]
    origins[path] = origin
