"""`sync`: what waits in the outbox of a working folder, brought into the stores that it is for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ablations.tracking.locks import folder_lock, store_lock
from ablations.tracking.outbox import Outbox
from ablations.tracking.tracker import Tracker


def sync_outbox(work_dir: Path, given: str | None = None) -> int:
    """Bring every waiting entry into the store it is for; how many that was.

    Args:
        work_dir: The working folder with the outbox.
        given: Only entries for this store; by default those of every store.

    Raises:
        StoreError: A store cannot be reached; its entries are kept.
        LockedError: A driver is at work in the folder, or on one of the stores.
    """
    with folder_lock(work_dir, "`ablations sync`"), ExitStack() as stores:
        Outbox(work_dir).sweep()
        waiting = {(e.tracking_uri, e.study) for _, e in Outbox(work_dir).entries(given)}
        trackers = {uri: Tracker(uri, work_dir) for uri in sorted({uri for uri, _ in waiting})}
        for uri in trackers:
            stores.enter_context(store_lock(uri, "`ablations sync`"))
        n_written = sum(tracker.drain() for tracker in trackers.values())
        for uri, study in sorted(waiting):  # their driver could not say that they had ended
            is_whole = trackers[uri].is_whole(study)
            trackers[uri].close_study(study, "FINISHED" if is_whole else "KILLED")
        return n_written
