"""Sound and pictures: what is refused at the door, and what the network reads of the others."""

import math
import struct
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from media import png, wav
from pydantic import ValidationError

from models.features.audio import Options as Audio
from models.features.audio import graph as audio
from models.features.audio import silent_wav, wav_header
from models.features.image import Options as Image
from models.features.image import graph as image
from models.raw import RawError

TONE = wav(800)


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers({})


def sound(**options) -> Audio:
    return Audio(kind="audio", sample_rate=8000, mels=8, scale="none", **options)


def frames(options: Audio, analyzers, *files: bytes) -> tf.RaggedTensor:
    return audio.preprocess(options, "call", tf.constant(list(files), tf.string), analyzers)["call"]


def test_a_header_says_what_a_file_is() -> None:
    assert wav_header(wav(10, 16_000, 2)) == (16_000, 2, 40, 44)
    listed = TONE[:12] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + TONE[12:]
    assert wav_header(listed) == (8000, 1, 1600, 56)
    assert wav_header(silent_wav(8000)) == (8000, 1, 2, 44)


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (b"ID3\x04 an mp3", r"field 'call': no wav file: it begins with b'ID3.*not with RIFF"),
        (b"", r"no wav file: it begins with b''"),
        (TONE[:30], "its fmt chunk is too short"),
        (TONE[:100], "1600 bytes of samples are announced, and 56 are there"),
        (TONE[:12] + TONE[36:], "its data come before its fmt chunk"),
        (TONE[:36], "it has no data chunk"),
        (wav(10, width=1), "a wav file of 8-bit PCM came; 16-bit PCM is read"),
        (TONE.replace(b"\x10\0\0\0\1\0", b"\x10\0\0\0\3\0", 1), "16-bit format 3 came"),
        (wav(0), "a wav file without any sample"),
        (wav(10, 44_100), r"44100 samples a second came, where 8000 .*`sample_rate:`.*`resample:"),
        ("RIFF", "a str came, where bytes are read"),
    ],
    ids=range(11),
)
def test_a_wav_that_is_none_is_refused_with_what_came(came, message: str) -> None:
    with pytest.raises(RawError, match=message):
        sound().read_value("call", came)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_bytes_are_a_wav_or_a_clear_error(noise: bytes, start: int) -> None:
    for content in (noise, TONE[:start] + noise, TONE[:start] + noise + TONE[start:]):
        try:
            assert wav_header(content).data_bytes > 0
        except ValueError as error:
            assert "wav file" in str(error)


def test_another_rate_is_read_where_it_is_resampled() -> None:
    other = wav(10, 44_100)
    assert sound(resample=True).read({"call": other}, "call") == other


def test_frames_are_whole_ones_and_at_least_one(analyzers) -> None:
    options = sound(frame=20, hop=10)
    found = frames(options, analyzers, TONE, wav(160), wav(50), wav(239), wav(240))
    assert found.row_lengths().numpy().tolist() == [9, 1, 1, 1, 2]
    assert found.shape.as_list() == [5, None, 8]
    assert np.isfinite(found.flat_values).all()
    assert frames(options, analyzers).shape.as_list() == [0, None, 8]


def test_a_spectrogram_is_that_of_the_definition(analyzers) -> None:
    options = sound(frame=32, hop=16, lowest=0)
    (found,) = frames(options, analyzers, TONE)
    samples, _ = tf.audio.decode_wav(TONE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    spectrum = np.abs(np.fft.rfft(samples.numpy()[:256, 0] * window))
    weights = tf.signal.linear_to_mel_weight_matrix(8, 129, 8000, 0.0, 4000.0).numpy()
    np.testing.assert_allclose(found[0], np.log(spectrum @ weights + 1e-6), atol=1e-3)
    mel = 1127 * math.log(1 + 440 / 700)
    edges = np.linspace(0, 1127 * math.log(1 + 4000 / 700), 10)
    assert edges[int(np.argmax(found[0]))] <= mel <= edges[int(np.argmax(found[0])) + 2]


def test_a_centred_spectrogram_has_no_level_of_its_own(analyzers) -> None:
    files = (TONE, wav(400))
    plain = frames(sound(frame=20, hop=10), analyzers, *files)
    centred = frames(sound(frame=20, hop=10, centred=True, max_length=5), analyzers, *files)
    for whole, found in zip(plain, centred, strict=True):
        # The mean is that of the whole file, whatever is kept of it.
        np.testing.assert_allclose(found, (whole - tf.reduce_mean(whole, 0))[:5], atol=1e-5)


def test_a_resampled_tone_stays_the_tone(analyzers) -> None:
    options = sound(resample=True, frame=32, hop=16)
    (same,), (other,) = (frames(options, analyzers, file) for file in (TONE, wav(1600, 16_000)))
    assert same.shape == other.shape
    # Linear interpolation halves this rate exactly: every second sample.
    np.testing.assert_allclose(same, other, atol=0.02)
    (fine,) = frames(options, analyzers, wav(400, 4_000))
    assert fine.shape == same.shape
    assert (np.argmax(fine, axis=1) == np.argmax(same, axis=1)).all()
    (stereo,) = frames(options, analyzers, wav(800, channels=2))
    np.testing.assert_allclose(stereo, same, atol=1e-4)


def test_what_is_served_is_refused_too(analyzers) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="where 8000 a second are read"):
        frames(sound(), analyzers, wav(900, 16_000))
    with pytest.raises(tf.errors.InvalidArgumentError):
        frames(sound(), analyzers, b"no wav")


def test_long_files_are_cut(analyzers) -> None:
    options = sound(frame=20, hop=10, max_length=2, keep="end")
    assert frames(options, analyzers, TONE).row_lengths().numpy().tolist() == [2]
    assert analyzers.kept["call"].numpy().tolist() == [9]


def test_frequencies_fit_the_rate() -> None:
    with pytest.raises(ValidationError, match="up to half the sample rate, 4000"):
        sound(highest=5000)


SQUARE = [[0, 51], [102, 255]]


def rows(options: Image, analyzers, raw) -> tf.Tensor:
    found = image.preprocess(options, "scan", raw, analyzers)["scan"]
    return found.to_tensor() if isinstance(found, tf.RaggedTensor) else found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"height": 2, "width": 2}, [[0, 0.2], [0.4, 1]]),
        ({"height": 4, "width": 2, "fit": "crop"}, [[0, 0], [0, 0.2], [0.4, 1], [0, 0]]),
        ({"height": 2, "width": 1, "channels": 3, "fit": "crop"}, [[0] * 3, [0.4] * 3]),
        ({"height": 1, "width": 1}, [[0.0]]),
    ],
    ids=str,
)
def test_pictures_are_rows_from_0_to_1(options: dict, expected: list, analyzers) -> None:
    encoded = rows(Image(kind="image", **options), analyzers, tf.constant([png(SQUARE)] * 2))
    given = Image(kind="image", pixels=(2, 2, 1), **options)
    numbers = np.array([SQUARE] * 2, np.float32)[..., None]
    for found in (encoded, rows(given, analyzers, tf.constant(numbers))):
        if options != {"height": 1, "width": 1}:
            np.testing.assert_allclose(found, [expected] * 2, atol=1e-6)
        assert found.shape[1:] == np.shape(expected)


def test_no_picture_is_refused() -> None:
    options = Image(kind="image", height=2, width=2)
    with pytest.raises(RawError, match="neither png nor jpeg: the file begins with b'GIF89a"):
        options.read({"scan": b"GIF89a..."}, "scan")
    assert options.read({"scan": png(SQUARE)}, "scan") == png(SQUARE)
    with pytest.raises(ValidationError, match="pixels"):
        Image(kind="image", height=2, width=2, pixels=(2, 2, 7))


def test_no_pictures_are_no_rows(analyzers) -> None:
    options = Image(kind="image", height=2, width=2)
    assert rows(options, analyzers, tf.constant([], tf.string)).shape[0] == 0
