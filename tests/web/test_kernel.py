"""The page's arithmetic, run without a browser."""

import numpy as np
import pytest

from dreamgym.models.vision_numpy import _convolve_transposed
from dreamgym.web.site import PAGE
from dreamgym.web.weights import PANEL, panels

wasmtime = pytest.importorskip("wasmtime", reason="needs wasmtime, of the extra dreamgym[web]")


class Kernel:
    """The kernel with a memory of a megabyte."""

    def __init__(self):
        self.store = wasmtime.Store()
        module = wasmtime.Module.from_file(self.store.engine, str(PAGE / "kernel.wasm"))
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.exports["memory"].grow(self.store, 16)

    def put(self, offset, array):
        self.exports["memory"].write(self.store, np.ascontiguousarray(array, "<f4").tobytes(), offset)
        return offset

    def get(self, offset, *shape):
        content = self.exports["memory"].read(self.store, offset, offset + 4 * int(np.prod(shape)))
        return np.frombuffer(content, "<f4").reshape(shape)

    def call(self, name, *arguments):
        self.exports[name](self.store, *arguments)


@pytest.fixture
def kernel():
    return Kernel()


def test_the_binary_is_its_source():
    assert bytes(wasmtime.wat2wasm((PAGE / "kernel.wat").read_text())) == (PAGE / "kernel.wasm").read_bytes()


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 8), (1, 37, 24), (4, 5, 16), (7, 9, 8), (9, 64, 40)])
def test_it_multiplies_matrices(kernel, m, k, n):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, k)).astype(np.float32), rng.normal(size=(k, n)).astype(np.float32)
    places = kernel.put(0, a), kernel.put(100_000, panels(b)), kernel.put(500_000, np.full(m * n + 1, 7))
    kernel.call("multiply", *places, m, k, n)
    np.testing.assert_allclose(kernel.get(500_000, m, n), a @ b, atol=1e-4)
    assert kernel.get(500_000, m * n + 1)[-1] == 7  # nothing is written behind the result


@pytest.mark.parametrize(("rows", "kernel_size", "filters"), [(1, 5, 8), (3, 5, 4), (4, 6, 3)])
def test_it_overlays_the_patches_of_a_transposed_convolution(kernel, rows, kernel_size, filters):
    rng, channels = np.random.default_rng(0), 6
    x = rng.normal(size=(1, rows, rows, channels)).astype(np.float32)
    weights = rng.normal(size=(kernel_size, kernel_size, filters, channels)).astype(np.float32)
    right, size = panels(weights.reshape(-1, channels).T), 2 * (rows - 1) + kernel_size
    columns = len(right) * PANEL
    places = kernel.put(0, x), kernel.put(100_000, right), 300_000
    kernel.call("multiply", *places, rows * rows, channels, columns)
    kernel.put(800_000, np.full(size * size * filters, 0.5))
    kernel.call("overlay", 300_000, 800_000, rows, size, kernel_size, filters, columns)
    expected = _convolve_transposed(x, weights)[0] + 0.5
    np.testing.assert_allclose(kernel.get(800_000, size, size, filters), expected, atol=1e-4)


def test_panels_fill_up_with_zeros():
    matrix = np.arange(1, 2 * 11 + 1, dtype=np.float32).reshape(2, 11)
    result = panels(matrix)
    assert result.shape == (2, 2, PANEL)
    np.testing.assert_array_equal(np.concatenate(result, axis=1)[:, :11], matrix)
    assert not result[1, :, 3:].any()
    assert result.flags.c_contiguous
