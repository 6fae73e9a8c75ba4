"""Processes that are started before there is work for them."""

from __future__ import annotations

import multiprocessing
import signal
import time

import pytest

from ablations.executors import crew as module
from ablations.executors.crew import Crew


def test_who_is_started_is_there_and_who_is_left_is_stopped():
    with Crew() as crew:
        crew.start(2)
        first, second = multiprocessing.active_children()
        assert first.is_alive()
        assert second.is_alive()
        started = time.monotonic()
    assert multiprocessing.active_children() == []
    assert time.monotonic() - started < 2 * module.STOP_SECONDS


def test_hands_are_those_started_before_and_then_new_ones():
    with Crew() as crew:
        crew.start(1)
        (early,) = multiprocessing.active_children()
        hands = [crew.hand(), crew.hand()]
        assert hands[0].process.pid == early.pid
        assert hands[1].process.pid != early.pid
        crew.stop()
        assert all(hand.process.is_alive() for hand in hands)
        module.stop(hands, hands)
    assert multiprocessing.active_children() == []


def test_an_exception_stops_the_crew():
    def interrupted():
        with Crew() as crew:
            crew.start(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert multiprocessing.active_children() == []


def test_an_interrupt_while_it_is_started_stops_those_that_are(monkeypatch):
    started = module._started
    n_calls = 0

    def second_is_interrupted():
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt
        return started()

    monkeypatch.setattr(module, "_started", second_is_interrupted)
    with pytest.raises(KeyboardInterrupt), Crew() as crew:
        crew.start(2)
    assert multiprocessing.active_children() == []


def test_the_driver_answers_an_interrupt_again_once_they_are_started():
    before = signal.getsignal(signal.SIGINT)
    with Crew() as crew:
        crew.start(1)
        assert signal.getsignal(signal.SIGINT) is before
