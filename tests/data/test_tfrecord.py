"""Records survive a round trip, TensorFlow reads them, and damage is noticed."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dreamgym.data.tfrecord import decode_example, decode_record, encode_example, encode_record, read_checksum

BYTES = st.lists(st.binary(max_size=300), min_size=1, max_size=4)
INTS = st.lists(st.integers(0, 2**63 - 1), max_size=5)
FLOATS = st.lists(st.floats(width=32), max_size=5).map(lambda values: np.array(values, np.float32))
FEATURES = st.dictionaries(st.text(min_size=1, max_size=8), st.one_of(BYTES, INTS, FLOATS), max_size=5)


@given(FEATURES)
@settings(max_examples=100, deadline=None)
def test_a_record_holds_what_was_put_in(features):
    found = decode_example(decode_record(encode_record(encode_example(features))))
    assert list(found) == list(features)
    for name, values in features.items():
        np.testing.assert_array_equal(found[name], values, strict=isinstance(values, np.ndarray))


def test_tensorflow_reads_the_files_and_makes_the_same_bytes(tmp_path):
    import tensorflow as tf

    features = {"b": [b"one", b"", b"three"], "i": [0, 5, 2**40], "f": np.array([1.5, -2, np.inf], np.float32)}
    path = tmp_path / "x.tfrecord"
    path.write_bytes(encode_record(encode_example(features)))
    (record,) = tf.data.TFRecordDataset(str(path))
    spec = {
        "b": tf.io.FixedLenFeature([3], tf.string),
        "i": tf.io.FixedLenFeature([3], tf.int64),
        "f": tf.io.FixedLenFeature([3], tf.float32),
    }
    found = tf.io.parse_single_example(record, spec)
    assert {name: value.numpy().tolist() for name, value in found.items()} == {
        name: list(values) for name, values in features.items()
    }
    with tf.io.TFRecordWriter(str(tmp_path / "y")) as writer:
        writer.write(b"some bytes" * 10)
    assert (tmp_path / "y").read_bytes() == encode_record(b"some bytes" * 10)
    theirs = tf.train.Example.FromString(encode_example(features)).SerializeToString()
    assert list(decode_example(theirs)["i"]) == features["i"]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_damage_goes_unnoticed_and_none_raises_anything_but_value_error(data):
    whole = encode_record(encode_example({"a": [b"xyz" * 20], "n": [1, 2]}))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"TFRecord|bytes|checksum"):
        decode_record(whole[:cut])
    place, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    damaged = bytearray(whole)
    damaged[place] ^= flip
    with pytest.raises(ValueError, match=r"TFRecord|bytes|checksum"):
        decode_record(bytes(damaged))


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_foreign_bytes_are_no_example_or_harmless(data):
    with contextlib.suppress(ValueError):
        decode_example(data)


def test_the_checksum_of_a_file_tells_contents_apart(tmp_path):
    path, record = tmp_path / "x.tfrecord", encode_record(b"some bytes")
    assert read_checksum(path) == 0
    path.write_bytes(record)
    assert read_checksum(path) == int.from_bytes(record[-4:], "little") > 0
    path.write_bytes(encode_record(b"some bytez"))
    assert read_checksum(path) not in (0, int.from_bytes(record[-4:], "little"))
    path.write_bytes(b"x")
    assert read_checksum(path) == 0
