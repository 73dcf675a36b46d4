"""The image's recipe as far as it can be read without an engine: what it copies, its name."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from setuptools import find_packages

from pipeline.cluster import DEFAULT_IMAGE

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("components", "models", "pipeline", "serving")


def instructions() -> list[list[str]]:
    """The instructions of the Dockerfile, each as its words."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [shlex.split(line) for line in joined.splitlines() if line.strip()]


def copied() -> list[str]:
    return [
        source.rstrip("/")
        for name, *words in instructions()
        if name == "COPY" and not words[0].startswith("--from")
        for source in words[:-1]
    ]


def test_everything_copied_is_there_and_let_through() -> None:
    let_through = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split()
    for source in copied():
        assert (REPOSITORY / source).exists(), source
        assert f"!{source}" in let_through, source


def test_all_packages_are_copied() -> None:
    installed = {name.partition(".")[0] for name in find_packages(str(REPOSITORY))}
    assert set(PACKAGES) <= installed and set(PACKAGES) <= set(copied())


def test_compiled_commands_find_their_python() -> None:
    words = {name: words for name, *words in instructions()}
    assert words["CMD"] and "ENTRYPOINT" not in words
    assert words["ENV"][0] == "PATH=/opt/rondo/bin:$PATH"
    assert words["USER"] == ["1000"]


@pytest.mark.parametrize(("variant", "tag"), [("cpu", ""), ("cuda", "-cuda")])
def test_make_image_gives_the_name_that_compiled_pipelines_name(variant: str, tag: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "image", f"VARIANT={variant}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    ).stdout
    (build,) = re.findall(r"^docker build .*", said, re.MULTILINE)
    arguments = shlex.split(build)
    assert arguments[arguments.index("--tag") + 1] == DEFAULT_IMAGE + tag
    assert f"VARIANT={variant}" in arguments
    declared = {words[0].partition("=")[0] for name, *words in instructions() if name == "ARG"}
    assert declared == {"DEBIAN", "VARIANT", "UV_VERSION"}
