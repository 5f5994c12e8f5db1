"""Whether V is the paper's, and its loss what the paper says."""

import keras
import numpy as np
import pytest

from dreamgym.models.vision import BatchVision, Vision, from_arrays, to_arrays


def frames_of(n, seed=0):
    """Dark frames with a bright bar somewhere."""
    frames = np.zeros((n, 64, 64, 3), np.uint8)
    for frame, place in zip(frames, np.random.default_rng(seed).integers(0, 56, n), strict=True):
        frame[:, place : place + 8] = 200
    return frames


def loss_by_hand(frames, logits, mu, logvar, floor):
    """Squared error summed over the picture + max(KL, floor), each averaged over the batch."""
    pictures = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    error = ((pictures - frames / 255) ** 2).reshape(len(frames), -1).sum(axis=1)
    divergence = 0.5 * (np.exp(logvar) + np.asarray(mu, np.float64) ** 2 - 1 - logvar).sum(axis=1)
    return error.mean(), np.maximum(divergence, floor).mean()


def test_v_has_the_papers_number_of_parameters():
    vision = Vision(latent_size=32)
    assert vision.count_params() == 4_348_547
    assert sum(array.size for array in to_arrays(vision).values()) == 4_348_547


def test_the_loss_is_the_one_written_by_hand_and_its_parts_are_logged():
    vision, frames = Vision(latent_size=4), frames_of(3)
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((3, 64, 64, 3)).astype(np.float32)
    mu, logvar = (rng.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
    mu[0], logvar[0] = 0, 0  # its divergence is nothing, so the floor of 4 x 0.5 counts
    loss = float(vision.compute_loss(x=frames, y_pred=(logits, mu, logvar)))
    error, kl = loss_by_hand(frames, logits, mu, logvar, floor=2.0)
    assert loss == pytest.approx(error + kl, rel=1e-5)
    logged = {metric.name: float(metric.result()) for metric in vision.metrics}
    assert logged == pytest.approx({"loss": error + kl, "reconstruction": error, "kl": kl}, rel=1e-5)


def test_contrast_counts_large_errors_more():
    vision, frames = Vision(latent_size=4, contrast=3.0), frames_of(2)
    zeros = np.zeros((2, 4), np.float32)
    loss = vision.compute_loss(x=frames, y_pred=(np.zeros((2, 64, 64, 3), np.float32), zeros, zeros))
    error = np.abs(0.5 - frames / 255)
    square, cube = ((error**power).sum(axis=(1, 2, 3)).mean() for power in (2, 3))
    assert float(loss) == pytest.approx(square + 3 * cube + 0.5 * 4, rel=1e-5)
    assert float(vision.trackers["reconstruction"].result()) == pytest.approx(square, rel=1e-5)
    assert Vision.from_config(vision.get_config()).contrast == 3.0


def test_the_floor_counts_once_and_stops_the_gradient_of_the_kl():
    """At its floor the KL adds exactly the floor to the loss and no push; above it, its own gradient, once."""
    import tensorflow as tf

    vision, frames = Vision(latent_size=4, kl_tolerance=0.5), frames_of(2)
    logits = tf.zeros((2, 64, 64, 3))
    error, _ = loss_by_hand(frames, logits, np.zeros((2, 4)), np.zeros((2, 4)), 0.0)
    for mean, expected_loss, expected_gradient in ((0.1, error + 2.0, 0.0), (2.0, error + 0.5 * 4 * 4, 2.0 / 2)):
        mu = tf.Variable(tf.fill((2, 4), mean))
        with tf.GradientTape() as tape:
            loss = vision.compute_loss(x=frames, y_pred=(logits, mu, tf.zeros((2, 4))))
        assert float(loss) == pytest.approx(expected_loss, rel=1e-5)
        np.testing.assert_allclose(tape.gradient(loss, mu), np.full((2, 4), expected_gradient), atol=1e-6)


def test_batches_of_different_sizes_are_logged_by_their_frames():
    vision, means = Vision(latent_size=2), []
    for frames in (frames_of(3), 255 - frames_of(1)):
        n = len(frames)
        zeros = np.zeros((n, 2), np.float32)
        vision.compute_loss(x=frames, y_pred=(np.zeros((n, 64, 64, 3), np.float32), zeros, zeros))
        means.append(loss_by_hand(frames, np.zeros((n, 64, 64, 3)), zeros, zeros, 1.0)[0])
    assert float(vision.trackers["reconstruction"].result()) == pytest.approx((3 * means[0] + means[1]) / 4, rel=1e-5)


def test_training_lowers_the_loss():
    vision, frames = Vision(latent_size=4), frames_of(16)
    vision.compile(optimizer=keras.optimizers.Adam(3e-3))
    history = vision.fit(frames, batch_size=4, epochs=3, verbose=0, shuffle=False).history
    assert set(history) == {"loss", "reconstruction", "kl"}
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    np.testing.assert_allclose(
        history["loss"], np.add(history["reconstruction"], history["kl"]), rtol=1e-5, err_msg="the KL is counted once"
    )


def test_z_is_drawn_anew_each_time_and_replays_from_the_seed():
    frames = frames_of(2)
    first, second, other = Vision(3, seed=0), Vision(3, seed=0), Vision(3, seed=1)
    pictures = [np.asarray(first(frames)[0]) for _ in range(2)]
    assert (pictures[0] != pictures[1]).any()
    for picture in pictures:
        np.testing.assert_array_equal(np.asarray(second(frames)[0]), picture)
    assert not np.array_equal(other.mu.kernel.numpy(), first.mu.kernel.numpy())


def test_arrays_come_back():
    vision = Vision(latent_size=3, seed=5)
    back = from_arrays(to_arrays(vision), seed=9, kl_tolerance=0.25, contrast=2.0)
    assert (back.latent_size, back.seed, back.kl_tolerance, back.contrast) == (3, 9, 0.25, 2.0)
    for name, array in to_arrays(vision).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(to_arrays(back)[name], array)
    kept = to_arrays(vision)["mu_bias"]
    vision.mu.bias.assign(kept + 1)
    np.testing.assert_array_equal(kept, np.zeros(3), err_msg="arrays are copies")


def test_batches_are_cut_without_a_seam():
    vision, frames = Vision(latent_size=3, seed=1), frames_of(5)
    batched = BatchVision(to_arrays(vision), batch_size=2)
    mu, logvar = batched.encode(frames)
    expected_mu, expected_logvar = vision.encode(frames)
    np.testing.assert_allclose(mu, expected_mu, atol=1e-5)
    np.testing.assert_allclose(logvar, expected_logvar, atol=1e-5)
    pictures = batched.decode(mu)
    assert pictures.dtype == np.uint8
    expected = 255 / (1 + np.exp(-np.asarray(vision.decode(mu), np.float64)))
    assert np.abs(pictures - expected).max() <= 0.51
