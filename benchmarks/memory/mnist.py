"""MNIST from its IDX files, or from the archive that Keras keeps after a download."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FILES = ("images-idx3-ubyte", "labels-idx1-ubyte")
PARTS = ("train", "t10k")


@dataclass(frozen=True)
class Images:
    """Images ``[count, 28, 28]`` float32 in 0..1 and labels ``[count]`` int32."""

    images: np.ndarray
    labels: np.ndarray


def kept_by_keras() -> Path:
    """The archive that ``keras.datasets.mnist.load_data()`` downloads once."""
    home = os.environ.get("KERAS_HOME", str(Path.home() / ".keras"))
    return Path(home) / "datasets" / "mnist.npz"


def missing(place: Path) -> str | None:
    """What is missing where the images should be and what to do, or None."""
    if place.is_file():
        return None
    if not place.is_dir():
        return (
            f"there is no {place}; run keras.datasets.mnist.load_data() once, which needs the "
            "internet, or name a folder with the four IDX files with --mnist FOLDER"
        )
    lacking = [name for name in _names() if _idx_file(place, name) is None]
    return f"{place} has no {' nor '.join(lacking)} (or the same in .gz)" if lacking else None


def read_mnist(place: Path) -> tuple[Images, Images]:
    """Training and test images.

    Args:
        place: a folder with the four IDX files, each gzipped or not, or Keras's ``mnist.npz``.

    Raises:
        FileNotFoundError: see ``missing``.
        ValueError: see ``read_idx``.
    """
    problem = missing(place)
    if problem:
        raise FileNotFoundError(problem)
    if place.is_file():
        with np.load(place) as kept:
            arrays = [kept[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        files = [_idx_file(place, name) for name in _names()]
        arrays = [read_idx(file) for file in files if file is not None]
    train, train_labels, test, test_labels = arrays
    return _images(train, train_labels), _images(test, test_labels)


def read_idx(file: Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, gzipped or not.

    Raises:
        ValueError: the file is something else, or is cut short.
    """
    raw = file.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(
            f"{file}: begins with bytes {raw[:4].hex(' ')}; an IDX file of unsigned bytes begins "
            "with 00 00 08 and its number of axes; download it again"
        )
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", axes, offset=4).tolist()
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * axes)
    if values.size != np.prod(shape):
        raise ValueError(
            f"{file}: {values.size} bytes where its shape {shape} needs {np.prod(shape)}; "
            "download it again"
        )
    return values.reshape(shape)


def _names() -> list[str]:
    return [f"{part}-{file}" for part in PARTS for file in FILES]


def _idx_file(folder: Path, name: str) -> Path | None:
    found = [file for file in (folder / f"{name}.gz", folder / name) if file.is_file()]
    return found[0] if found else None


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    return Images(pixels.astype(np.float32) / 255.0, labels.astype(np.int32))
