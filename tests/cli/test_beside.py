"""Work in another process gives what it gives here."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest

from parity.commands.beside import beside


def test_the_same_results_in_the_same_order() -> None:
    work = [partial(divmod, number, 3) for number in range(5)]
    for cores in (1, 2):
        with beside(work, device="cpu", cores=cores) as begun:
            assert begun.results() == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)), cores


@pytest.mark.parametrize(("device", "cores"), [("cpu", 1), ("cuda", 2)])
def test_no_other_process_where_there_is_no_core_or_a_gpu(device: str, cores: int) -> None:
    with beside([os.getpid], device=device, cores=cores) as begun:
        assert begun.results() == (os.getpid(),)


def test_what_fails_there_fails_here() -> None:
    with beside([partial(divmod, 1, 0)], device="cpu", cores=2) as begun, pytest.raises(ZeroDivisionError):
        begun.results()


def test_nothing_to_do() -> None:
    work: tuple[Callable[[], int], ...] = ()
    with beside(work, device="cpu") as begun:
        assert begun.results() == ()
