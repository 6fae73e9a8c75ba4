"""Ctrl-C that waits: answered once, at the end of a block, the second time at once."""

from __future__ import annotations

import signal
import threading

import pytest

from ablations.interrupts import uninterrupted


def pressed(*numbers):
    """How far a block gets in which these signals come, one after the other."""
    reached = []
    with uninterrupted():
        for number in numbers:
            signal.raise_signal(number)
            reached.append(number)
    return reached


def press_and_fail():
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        raise LookupError


@pytest.fixture(autouse=True)
def answered():
    """SIGTERM as the command line answers it; both as they were, at the end."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield {**before, signal.SIGTERM: signal.default_int_handler}
    for number, own in before.items():
        signal.signal(number, own)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_end_of_the_block(answered, number):
    told = []
    signal.signal(number, lambda *_: told.append("answered"))
    with uninterrupted():
        signal.raise_signal(number)
        told.append("the rest of the block")
    assert told == ["the rest of the block", "answered"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_interrupts(answered, number):
    with pytest.raises(KeyboardInterrupt):
        pressed(number)
    assert signal.getsignal(number) is answered[number]


def test_the_second_is_answered_at_once(answered):
    told = []
    signal.signal(signal.SIGINT, lambda *_: told.append("answered"))
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        told.append("after the first")
        signal.raise_signal(signal.SIGINT)
        told.append("after the second")
    assert told[:3] == ["after the first", "answered", "after the second"]


def test_an_error_of_the_block_travels_on_instead(answered):
    with pytest.raises(LookupError):
        press_and_fail()
    assert signal.getsignal(signal.SIGINT) is answered[signal.SIGINT]


def test_without_one_nothing_happens(answered):
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is not answered[signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is answered[signal.SIGINT]


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert pressed(signal.SIGINT) == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_changes_no_signals(answered):
    seen = []

    def look():
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [answered[signal.SIGINT]]
