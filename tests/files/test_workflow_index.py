"""The index of a workspace's workflows: what it keeps, whatever else happens to its file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.files import workflow_index
from penguin.orchestration.files.workflow_index import (
    REMOVED,
    IndexWriter,
    forget_index,
    index_path,
    newest_entries,
    read_index,
)
from penguin.orchestration.files.workspace_key import new_key, records_folder

NAMES = st.sampled_from([f"ituv-task.{letter}-{letter * 6}" for letter in "abcdef"])
ENTRIES = st.lists(st.tuples(NAMES, st.integers(0, 30)), max_size=40)


@pytest.fixture
def key() -> str:
    return fresh()


def written(key: str, *groups: list[tuple[str, int]]) -> IndexWriter:
    index = IndexWriter(key, dict)
    for entries in groups:
        index.append(entries)
    return index


def fresh() -> str:
    Path(records_folder()).mkdir(parents=True, exist_ok=True)
    return new_key()


def test_an_index_is_created_from_the_database_once(key: str) -> None:
    assert read_index(key) is None
    assert newest_entries(key) is None
    IndexWriter(key, lambda: {"a": 3, "b": 1}).close()
    IndexWriter(key, lambda: {"c": 9}).close()
    assert read_index(key) == {"a": 3, "b": 1}
    assert newest_entries(key) == [("a", 3), ("b", 1)]
    assert Path(index_path(key)).stat().st_mode & 0o777 == 0o600
    forget_index(key)
    assert read_index(key) is None


def test_the_last_entry_counts_and_is_the_newest(key: str) -> None:
    written(key, [("a", 1), ("b", 1)], [("a", 2)]).close()
    assert newest_entries(key) == [("b", 1), ("a", 2)]
    written(key, [("a", 1)]).close()
    assert read_index(key) == {"b": 1, "a": 1}


def test_what_was_removed_returns_only_with_a_new_start(key: str) -> None:
    # A process that was suspended between its commit and its entry is late.
    written(key, [("a", 4), ("a", REMOVED), ("a", 5)]).close()
    assert read_index(key) == {"a": REMOVED}
    assert newest_entries(key) == []
    written(key, [("a", 1), ("a", 2)]).close()
    assert read_index(key) == {"a": 2}


def test_the_newest_are_found_behind_many_removed_ones(key: str) -> None:
    removed = [(f"ituv-old-{number:06x}", REMOVED) for number in range(1000)]
    written(key, [("a", 7)], removed).close()
    assert newest_entries(key) == [("a", 7)]
    written(key, [("b", 1)]).close()
    assert newest_entries(key) == [("b", 1)]


def test_the_tail_begins_with_a_whole_line(key: str) -> None:
    entries = [(f"ituv-{'x' * 50}-{number:06x}", number + 1) for number in range(500)]
    written(key, entries).close()
    assert newest_entries(key) == entries[-workflow_index.NEWEST :]


@given(ENTRIES, st.data())
def test_a_torn_file_has_no_entry_that_was_not_written(entries: list[tuple[str, int]], data: st.DataObject) -> None:
    key = fresh()
    written(key, entries).close()
    whole = Path(index_path(key)).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    Path(index_path(key)).write_bytes(whole[:cut])
    written(key, [("ituv-late-ffffff", 1)]).close()
    kept = read_index(key)
    assert kept is not None
    assert kept.pop("ituv-late-ffffff") == 1
    for name, seq in kept.items():
        # A number may lack its last digits: then less is missed.
        assert any(name == other and str(number).startswith(str(seq)) for other, number in entries)


@given(st.binary(max_size=200))
def test_any_file_can_be_read(data: bytes) -> None:
    key = fresh()
    Path(index_path(key)).write_bytes(data)
    assert all(seq >= 0 for seq in (read_index(key) or {}).values())
    assert set(newest_entries(key) or []) <= set((read_index(key) or {}).items())


@given(ENTRIES)
def test_compacting_changes_nothing_that_counts(entries: list[tuple[str, int]]) -> None:
    key = fresh()
    index = written(key, entries, [("filler", 1)] * 20_000)
    before = read_index(key) or {}
    index.compact(1, lambda name: name.endswith("aaaaaa"))
    index.append([("after", 1)])
    index.close()
    kept = {name: seq for name, seq in before.items() if seq != REMOVED or name.endswith("aaaaaa")}
    assert read_index(key) == {**kept, "after": 1}
    present = [(name, seq) for name, seq in before.items() if seq != REMOVED]
    assert newest_entries(key) == [*present, ("after", 1)][-workflow_index.NEWEST :]
    assert Path(index_path(key)).stat().st_size < 1000


def test_an_index_that_another_process_uses_is_not_compacted(key: str) -> None:
    first, second = written(key, [("filler", 1)] * 20_000), written(key)
    size = Path(index_path(key)).stat().st_size
    first.compact(1, lambda name: False)
    assert Path(index_path(key)).stat().st_size == size
    second.append([("b", 1)])
    first.append([("a", 1)])
    assert read_index(key) == {"filler": 1, "b": 1, "a": 1}
    second.close()
    first.compact(1, lambda name: False)
    first.append([("c", 1)])
    first.close()
    assert read_index(key) == {"filler": 1, "b": 1, "a": 1, "c": 1}


def test_many_writers_lose_no_entry(key: str) -> None:
    def work(name: str) -> None:
        for number in range(50):
            index = written(key, [(f"{name}-{number}", 1)], [("filler", 1)] * 300)
            index.compact(0, lambda workflow_id: False)
            index.append([(f"{name}-{number}", 2)])
            index.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"{name}-{number}": 2 for name in "abcd" for number in range(50)}
    assert read_index(key) == {**expected, "filler": 1}


def test_a_folder_that_can_not_be_written_is_no_error(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    index = written(key, [("a", 1)])
    index.compact(0, lambda name: False)
    index.close()
    assert read_index(key) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_something_else_in_its_place_is_not_waited_for(key: str, make: Callable[[str], None]) -> None:
    make(index_path(key))
    assert not read_index(key)
    assert not newest_entries(key)
    index = IndexWriter(key, dict)
    index.append([("a", 1)])
    index.compact(1, lambda workflow_id: True)
    index.close()
