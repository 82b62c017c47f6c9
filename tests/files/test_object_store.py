"""The object store: another host fetches an attempt completely or not at all."""

from __future__ import annotations

import stat
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

from penguin.orchestration.backend import Verdict, WorkflowNotFound
from penguin.orchestration.config import load_settings
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.files.object_store import WHOLE, ObjectStore, StorageError, open_object_store
from penguin.orchestration.files.run_files import attempt_folders

ID = "ituv-a-123456"
RESULT = AttemptResult(
    verdict=Verdict.FAILED,
    reason="1 of 2 tests failed",
    steps=(StepEvidence(name="pytest -q", kind="run", verdict=Verdict.FAILED, excerpt="x" * 4000),),
)
LOGS = {"01-pytest-q.1.log": b"half", "01-pytest-q.2.log": b"out\n" * 1000, "01-pytest-q.2.err.log": b"\xff\x00"}
KEPT_BACK = (
    "01-pytest-q.2.start.json",
    "01-pytest-q.2.exit.json",
    "01-pytest-q.2.log.tail",
    "02-try.sh",
    "evidence.txt",
    "feedback.txt",
    "task.json",
    "junit.xml",
)


@pytest.fixture(params=["folder", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    shared = tmp_path / "a shared folder"
    urls = {"folder": str(shared), "file": shared.as_uri(), "memory": f"memory://{uuid.uuid4().hex}/deep/er"}
    return urls[request.param]


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """The files of an attempt on the host that ran it."""
    runs = tmp_path / "hut" / "runs" / ID
    folder, artifacts = runs / "3-test", runs / "artifacts" / "3-test"
    (artifacts / "html" / "deep").mkdir(parents=True)
    folder.mkdir()
    for name, data in LOGS.items():
        (folder / name).write_bytes(data)
    for name in KEPT_BACK:
        (folder / name).write_text("the password")
    (artifacts / "cover.txt").write_text("81%")
    (artifacts / "html" / "deep" / "in dex.html").write_text("<p>")
    (artifacts / "key").symlink_to(folder / "feedback.txt")
    (folder / "09-link.1.log").symlink_to(folder / "feedback.txt")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_attempt_is_fetched_by_another_host(url: str, attempt: Path, tmp_path: Path) -> None:
    runs = tmp_path / "barn" / "runs"
    ObjectStore(url, "shop").put_attempt(ID, attempt, RESULT)
    assert ObjectStore(url, "other").get_attempts(ID, runs) == []
    assert ObjectStore(url, "shop").get_attempts(ID, runs) == ["3-test"]
    fetched = tree(runs / ID)
    assert msgspec.json.decode(fetched.pop("3-test/evidence.json"), type=AttemptResult) == RESULT
    assert fetched == {
        **{f"3-test/{name}": data for name, data in LOGS.items()},
        "artifacts/3-test/cover.txt": b"81%",
        "artifacts/3-test/html/deep/in dex.html": b"<p>",
    }
    for path in (runs, *runs.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert ObjectStore(url, "shop").get_attempts(ID, runs) == []


def test_an_incomplete_copy_is_not_fetched(url: str, attempt: Path, tmp_path: Path) -> None:
    storage, runs, log = ObjectStore(url, "shop"), tmp_path / "barn" / "runs", f"{ID}/3-test/01-pytest-q.2.log"
    storage.put_attempt(ID, attempt, RESULT)
    whole = storage.get_file(f"{ID}/3-test/{WHOLE}")
    assert whole is not None
    for broken in (b"", whole[: len(whole) // 2], b"[]"):
        storage.put_file(f"{ID}/3-test/{WHOLE}", broken)
        assert storage.get_attempts(ID, runs) == []
    storage.put_file(f"{ID}/3-test/{WHOLE}", whole)
    storage.put_file(log, LOGS["01-pytest-q.2.log"][:-1])
    assert storage.get_attempts(ID, runs) == []
    storage.put_file(log, LOGS["01-pytest-q.2.log"])
    assert list(runs.rglob("*")) in ([], [runs / ID]), "nothing is left of what was not whole"
    assert storage.get_attempts(ID, runs) == ["3-test"]


def test_an_interrupted_copy_invalidates_the_older_one(
    url: str, attempt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = ObjectStore(url, "shop")
    storage.put_attempt(ID, attempt, RESULT)
    (attempt / "01-pytest-q.2.log").write_bytes(b"newer")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(ObjectStore, "_write", full)
        with pytest.raises(StorageError, match=r"can't be written to: .*No space left"):
            storage.put_attempt(ID, attempt, RESULT)
    assert storage.get_attempts(ID, tmp_path / "barn") == []
    storage.put_attempt(ID, attempt, RESULT)
    assert storage.get_attempts(ID, tmp_path / "barn") == ["3-test"]
    assert (tmp_path / "barn" / ID / "3-test" / "01-pytest-q.2.log").read_bytes() == b"newer"


def test_local_files_are_kept(url: str, attempt: Path, tmp_path: Path) -> None:
    """An attempt began here, and ended on another host."""
    storage, runs = ObjectStore(url, "shop"), tmp_path / "barn"
    storage.put_attempt(ID, attempt, RESULT)
    own, artifacts = runs / ID / "3-test", runs / ID / "artifacts" / "3-test"
    for folder in (own, artifacts):
        folder.mkdir(parents=True)
    (own / "01-pytest-q.1.log").write_text("begun")
    (artifacts / "cover.txt").write_text("mine")
    assert storage.get_attempts(ID, runs) == ["3-test"]
    assert tree(own) == {"01-pytest-q.1.log": b"begun"}
    assert tree(artifacts) == {"cover.txt": b"mine", "html/deep/in dex.html": b"<p>"}
    assert tree(runs / ID / "3-test.elsewhere").keys() == {*LOGS, "evidence.json"}
    assert [folder.name for _, _, folder in attempt_folders(runs, ID)] == ["3-test", "3-test.elsewhere"]
    assert storage.get_attempts(ID, runs) == []


def test_attempts_that_ended_here_are_not_fetched(url: str, attempt: Path) -> None:
    ObjectStore(url, "shop").put_attempt(ID, attempt, RESULT)
    assert ObjectStore(url, "shop").get_attempts(ID, attempt.parents[1]) == []


def test_interrupted_attempts_are_not_copied(url: str, attempt: Path, tmp_path: Path) -> None:
    ObjectStore(url, "shop").put_attempt(ID, attempt, AttemptResult(verdict=Verdict.INTERRUPTED, cause="pause"))
    assert ObjectStore(url, "shop").get_attempts(ID, tmp_path / "barn") == []


@pytest.mark.parametrize("name", ["../../4-use/01-x.1.log", "artifacts/../../x", "/etc/x", "task.json", "artifacts//x"])
def test_names_cannot_leave_the_folder_of_an_attempt(url: str, tmp_path: Path, name: str) -> None:
    storage = ObjectStore(url, "shop")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    storage.put_file(f"{ID}/3-test/{WHOLE}", msgspec.json.encode({"files": {name: {"bytes": 0, "sha256": empty}}}))
    assert storage.get_attempts(ID, tmp_path / "barn") == []
    with pytest.raises(WorkflowNotFound):
        storage.get_attempts("../x", tmp_path / "barn")


def test_files_by_key(url: str) -> None:
    storage = ObjectStore(url, "shop")
    assert storage.get_file("talk/1.json") is None
    storage.put_file("talk/1.json", b"one")
    storage.put_file("talk/1.json", b"two")
    assert ObjectStore(url, "shop").get_file("talk/1.json") == b"two"


def test_the_storage_of_a_workspace(tmp_path: Path) -> None:
    assert open_object_store(tmp_path, None, "shop") is None
    (tmp_path / "penguin.yaml").write_text("project: {id: shop}\nstorage: {url: ../shared}\n")
    settings = load_settings(tmp_path)
    storage = open_object_store(settings.root, settings.storage_url, settings.project_id)
    assert storage is not None
    storage.put_file("a", b"b")
    assert (tmp_path.parent / "shared" / "shop" / "a").read_bytes() == b"b"


def test_an_unreachable_storage_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"the storage .*/file/in can't be written to: ") as caught:
        ObjectStore(str(tmp_path / "file" / "in"), "shop").put_file("a", b"b")
    assert caught.value.hint
    with pytest.raises(StorageError, match=r"storage.url 'nosuch://a/b' can't be used: "):
        ObjectStore("nosuch://a/b", "shop")


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(StorageError, match=r"storage.url needs a driver for s3: ") as caught:
        ObjectStore("s3://bucket/prefix", "shop")
    assert caught.value.hint == "pip install s3fs"


@pytest.mark.integration
def test_a_missing_fsspec_is_reported_with_a_hint() -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from penguin.orchestration.files.object_store import ObjectStore, StorageError\n"
        "try: ObjectStore('/tmp', 'shop')\n"
        "except StorageError as error: print(error, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (
        done.stdout
        == "storage.url needs fsspec, which is not installed | in a clone of Penguin: pip install '.[temporal]'\n"
    )
