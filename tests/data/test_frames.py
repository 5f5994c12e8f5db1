"""V's input, from memory and streamed: every frame once per epoch, in an order that follows from seed and epoch."""

import numpy as np
import pytest

from dreamgym.data.episodes import Episode, write_episode
from dreamgym.data.frames import FrameStore
from dreamgym.errors import DataError

LENGTHS = [1 + n % 3 for n in range(40)]  # more episodes than a shard holds, of two to four frames
N_FRAMES = sum(LENGTHS) + len(LENGTHS)
BATCH = 9  # leaves two frames over in all, so that shards which keep their own rest lose a batch


def flat_episode(first: int, n_steps: int) -> Episode:
    """Frames that are all of one colour, their number: ``first`` and the ones after it."""
    numbers = np.arange(first, first + n_steps + 1)
    frames = np.zeros((n_steps + 1, 64, 64, 3), np.uint8)
    frames[..., 0], frames[..., 1] = (numbers // 256)[:, None, None], (numbers % 256)[:, None, None]
    zeros = np.zeros(n_steps, np.float32)
    return Episode(
        frames=frames,
        actions=zeros[:, None],
        rewards=zeros,
        targets=zeros,
        terminated=zeros > 0,
        truncated=True,
        seed=0,
        env_id="Some-v0",
        policy="random",
        task="some",
    )


def numbers(frames: np.ndarray) -> list[int]:
    assert frames.dtype == np.uint8
    assert frames.shape[1:] == (64, 64, 3)
    assert (frames == frames[:, :1, :1]).all()
    return (frames[:, 0, 0, 0].astype(int) * 256 + frames[:, 0, 0, 1]).tolist()


def epoch(store: FrameStore, seed: int, number: int, batch_size: int = BATCH) -> list[int]:
    batches = list(store.batches(batch_size, seed, number))
    assert {len(batch) for batch in batches} == {batch_size}
    return [number for batch in batches for number in numbers(batch)]


@pytest.fixture
def paths(tmp_path):
    made, first = [], 0
    for n, length in enumerate(LENGTHS):
        made.append(tmp_path / f"episode-{n:06d}.tfrecord")
        write_episode(made[-1], flat_episode(first, length))
        first += length + 1
    assert first == N_FRAMES
    return made


LIMITS = pytest.mark.parametrize("memory_limit", [10**9, 1], ids=["in memory", "streaming"])


@LIMITS
def test_an_epoch_gives_every_frame_once_but_for_an_incomplete_batch(paths, memory_limit):
    store = FrameStore(paths, memory_limit)
    assert len(store) == N_FRAMES
    assert sorted(epoch(store, 0, 0, batch_size=1)) == list(range(N_FRAMES))
    for number in range(4):  # what one shard leaves over, which differs, goes into the next one's batches
        met = epoch(store, 0, number)
        assert len(met) == len(set(met)) == N_FRAMES // BATCH * BATCH < N_FRAMES
        assert met != sorted(met)


@LIMITS
def test_the_order_follows_from_seed_and_epoch(paths, memory_limit):
    store = FrameStore(paths, memory_limit)
    order = epoch(store, 3, 5)
    assert epoch(store, 3, 5) == epoch(FrameStore(paths, memory_limit), 3, 5) == order
    assert epoch(store, 3, 6) != order
    assert epoch(store, 4, 5) != order


@LIMITS
def test_a_broken_file_is_named_and_its_frames_left_out(paths, memory_limit):
    paths[2].write_bytes(paths[2].read_bytes()[:-10])
    with pytest.warns(UserWarning, match="episode-000002"):
        store = FrameStore(paths, memory_limit)
    lost = set(range(sum(LENGTHS[:2]) + 2, sum(LENGTHS[:3]) + 3))
    assert len(store) == N_FRAMES - len(lost)
    assert set(epoch(store, 0, 0, batch_size=1)) == set(range(N_FRAMES)) - lost


def test_no_files_and_mostly_broken_ones_are_refused(paths):
    with pytest.raises(DataError, match="no episodes"):
        FrameStore([])
    for path in paths[1:]:
        path.write_bytes(b"x")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DataError, match="39 of 40"):
        FrameStore(paths)


@LIMITS
def test_a_sample_holds_different_frames_and_follows_from_the_seed(paths, memory_limit):
    store = FrameStore(paths, memory_limit)
    drawn = numbers(store.sample(20, seed=1))
    assert len(set(drawn)) == 20
    assert drawn == numbers(store.sample(20, seed=1))
    assert drawn != numbers(store.sample(20, seed=2))
    assert max(drawn) - min(drawn) > 20, "drawn from one place"


def test_a_sample_is_all_there_is_where_more_is_asked_for(paths):
    assert sorted(numbers(FrameStore(paths).sample(10**6, seed=0))) == list(range(N_FRAMES))


@LIMITS
def test_the_fingerprint_follows_from_the_episodes_and_their_order(paths, memory_limit):
    fingerprint = FrameStore(paths, memory_limit).fingerprint
    assert FrameStore(paths, memory_limit).fingerprint == fingerprint
    assert FrameStore(paths[:-1], memory_limit).fingerprint != fingerprint
    assert FrameStore(paths[::-1], memory_limit).fingerprint != fingerprint
    write_episode(paths[5], flat_episode(7, LENGTHS[5]))
    assert FrameStore(paths, memory_limit).fingerprint != fingerprint


def test_a_sample_while_streaming_comes_from_32_episodes(paths):
    drawn = numbers(FrameStore(paths, memory_limit=1).sample(10**6, seed=0))
    ends = np.cumsum([length + 1 for length in LENGTHS])
    assert len(set(np.searchsorted(ends, drawn, side="right").tolist())) == 32


@LIMITS
def test_only_the_first_steps_of_an_episode_count_where_asked(paths, memory_limit):
    store = FrameStore(paths, memory_limit, first_steps=2)
    firsts = np.cumsum([0, *(length + 1 for length in LENGTHS)])[:-1]
    expected = [first + i for first, length in zip(firsts, LENGTHS, strict=True) for i in range(min(3, length + 1))]
    assert sorted(epoch(store, 0, 0, batch_size=1)) == expected
    assert len(store) == len(expected)
