"""The processes of the emulator's functions share one unpacked layer."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tools.local_stack.layers import SharingZipFile

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "python/package/module.py"


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shared"
    monkeypatch.setattr(SharingZipFile, "folder", folder)
    return folder


def zipped(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MODULE, content)
    return path


def unpack(archive: Path, into: Path) -> list[str]:
    """As the emulator does it: an empty folder, a list of the names, everything unpacked."""
    into.mkdir(parents=True)
    with SharingZipFile(archive) as opened:
        names = opened.namelist()
        opened.extractall(into)
    return names


def test_a_layer_is_unpacked_once_and_found_by_every_process(tmp_path: Path, shared: Path) -> None:
    archive = zipped(tmp_path, "one")
    places = [tmp_path / process / "layer_0" for process in "abc"]

    names = [unpack(archive, place) for place in places]

    assert names == [[MODULE], [], []]
    assert [(place / MODULE).read_text() for place in places] == ["one"] * 3
    assert len({(place / MODULE).resolve() for place in places}) == len(list(shared.iterdir())) == 1


def test_files_compiled_by_one_process_are_used_by_the_next(tmp_path: Path) -> None:
    archive = zipped(tmp_path, "one")
    unpack(archive, tmp_path / "a" / "layer_0")
    (tmp_path / "a" / "layer_0" / "python" / "compiled").touch()
    unpack(archive, tmp_path / "b" / "layer_0")

    assert (tmp_path / "b" / "layer_0" / "python" / "compiled").exists()


def test_another_layer_is_another_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        unpack(zipped(tmp_path, name), tmp_path / name / "layer_0")

    assert (tmp_path / "one" / "layer_0" / MODULE).read_text() == "one"
    assert (tmp_path / "two" / "layer_0" / MODULE).read_text() == "two"


def test_function_code_is_not_shared_between_processes(tmp_path: Path, shared: Path) -> None:
    unpack(zipped(tmp_path, "one"), tmp_path / "a" / "code")

    assert not (tmp_path / "a" / "code").is_symlink()
    assert (tmp_path / "a" / "code" / MODULE).read_text() == "one"
    assert not shared.exists()


def test_processes_that_start_together_find_it_complete(tmp_path: Path, shared: Path) -> None:
    archive = zipped(tmp_path, "one")
    places = [tmp_path / str(number) / "layer_0" for number in range(16)]
    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(lambda place: unpack(archive, place), places))

    assert {(place / MODULE).read_text() for place in places} == {"one"}
    assert len(list(shared.iterdir())) == 1


def test_a_partly_unpacked_layer_is_never_shared(tmp_path: Path, shared: Path) -> None:
    archive = zipped(tmp_path, "one")
    whole = archive.read_bytes()
    archive.write_bytes(whole.replace(b"one", b"bad", 1))

    with pytest.raises(zipfile.BadZipFile):
        unpack(archive, tmp_path / "a" / "layer_0")
    assert list(shared.iterdir()) == []
