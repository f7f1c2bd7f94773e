"""The names of element formats in other libraries: they exist, are as wide, and belong to one format each."""

from __future__ import annotations

from dataclasses import fields

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from specs.lang.formats.dtypes import DTYPE_NAMES, DtypeNames
from specs.lang.formats.elements import ALL, ElementFormat


def test_every_format_has_a_row() -> None:
    assert [*DTYPE_NAMES] == [form.name for form in ALL]


@pytest.mark.parametrize("library", [field.name for field in fields(DtypeNames)])
def test_names_differ(library: str) -> None:
    found = [getattr(names, library) for names in DTYPE_NAMES.values() if getattr(names, library) is not None]
    assert found
    assert len({*found}) == len(found)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_names_are_those_of_the_libraries(form: ElementFormat) -> None:
    names = form.names
    assert names.numpy_dtype is not None
    assert names.numpy_dtype == np.dtype(names.numpy_dtype.name)
    if names.jax is not None:
        assert np.dtype(getattr(jnp, names.jax)) == names.numpy_dtype
    if names.torch is not None:
        assert getattr(torch, names.torch).itemsize == names.numpy_dtype.itemsize
        assert names.torch == names.numpy_dtype.name
    assert (names.triton is None) == (names.pointer is None)


def test_triton_knows_them() -> None:
    tl = pytest.importorskip("triton.language")
    for form in ALL:
        if form.names.triton is not None:
            element = getattr(tl, form.names.triton)
            assert form.names.pointer == element.name.replace("uint", "u").replace("int", "i")
            assert element.primitive_bitwidth == form.bits
