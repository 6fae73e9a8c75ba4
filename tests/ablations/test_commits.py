"""The commit of a folder: real repositories, made with git."""

from __future__ import annotations

import subprocess

from ablations.commits import Commit, commit


def test_a_folder_outside_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None


def test_a_repository_without_a_commit_has_none(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # noqa: S603, S607
    assert commit(tmp_path) is None


def test_a_commit_is_told_with_whether_files_that_git_knows_differ_from_it(tmp_path):
    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(  # noqa: S603
            command, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    sha = git("rev-parse", "HEAD")
    (tmp_path / "mlflow.db").write_text("a store, which git does not know")
    assert commit(tmp_path) == Commit(sha, dirty=False)
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == Commit(sha, dirty=True)
