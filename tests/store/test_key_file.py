"""Keys belong to their data: made for an empty store, compared with what it knows, changed while it serves."""

import json
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from civic.errors import Misuse
from civic.store import open_store
from civic.store.key_file import forget, keys_of, load, load_or_create
from civic.store.seal import Keys, WrongKey
from civic.store.store import Store
from tests.builders import a_lecture_file, write_content
from tests.forms_api.server import ROOT, Server, sign_up
from tests.staff import call
from tests.store.conftest import SUBJECT, at_once

CONTENT = ROOT / "content"
TOUR = "programs/tour"


def sealed(store: Store, keys: Keys, subject: str = SUBJECT) -> bytes:
    return keys.seal(store, subject, "7K3F-9QXM", b"answers")


def test_other_keys_than_those_of_the_data_are_refused(store: Store, tmp_path: Path) -> None:
    """Of another installation, another link or person key, none at all: refused with the folder; the same ones go on."""
    own = tmp_path / "a/keys.json"
    sealed(store, keys_of(store, own, None))
    other = tmp_path / "b/keys.json"
    load_or_create(other)
    mixed = []
    for name in ("person", "link", "master"):
        mixed.append(tmp_path / f"{name}.json")
        shutil.copy(own, mixed[-1])
        held = json.loads(own.read_text()) | {name: json.loads(other.read_text())[name]}
        mixed[-1].write_text(json.dumps(held))
    for path in (other, *mixed, tmp_path / "empty/keys.json"):
        with pytest.raises(Misuse, match=f"지문.*{path.parent}에 되돌려"):
            keys_of(store, path, None)
    assert not (tmp_path / "empty").exists()
    shutil.copytree(own.parent, tmp_path / "copy")
    assert keys_of(store, tmp_path / "copy/keys.json", None).prints == load(own).prints  # the control


def test_of_two_hosts_that_begin_at_once_one_is_refused(store: Store, beside: Store, tmp_path: Path) -> None:
    """Each with an empty key folder on one empty store: one makes the keys, and the other's leave no file behind."""
    paths = [tmp_path / "a/keys.json", tmp_path / "b/keys.json"]
    done = at_once([partial(keys_of, *each, None) for each in zip((store, beside), paths, strict=True)])
    assert sorted(isinstance(each, Keys) for each in done) == [False, True]
    assert [path.exists() for path in paths] == [isinstance(each, Keys) for each in done]


def test_a_new_master_is_taken_up_while_serving(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that began with the old master reads and seals on; the old file is refused; the old master can go."""
    monkeypatch.setenv("MADANG_KEYS", str(tmp_path / "keys"))
    words = ("--data", address, "--content", CONTENT)
    with closing(open_store(address)) as store:
        file = tmp_path / "keys/keys.json"
        serving = keys_of(store, file, None)
        before = {subject: sealed(store, serving, subject) for subject in (SUBJECT, TOUR)}
        wrapped = store.wrapped_keys()
        shutil.copy(file, tmp_path / "old.json")
        assert call("keys", "rotate", "--prepare", *words).returncode == 0
        done = call("keys", "rotate", *words)
        assert (done.returncode, done.stderr) == (0, "") and "자료 열쇠 2개를 다시" in done.stdout
        old, new = serving.masters[0], load(file).masters[0]
        assert {key[:8].hex() for key in store.wrapped_keys().values()} == {new} != {old}
        late = sealed(store, serving, "events/fair")
        fresh = keys_of(store, file, None)
        for keys in (serving, fresh):
            for subject, content in (before | {"events/fair": late}).items():
                assert keys.unseal(store, subject, "7K3F-9QXM", content) == b"answers"
        assert fresh.uses(store.wrapped_keys()) == {new: 3, old: 0}
        with pytest.raises(Misuse, match=new):
            keys_of(store, tmp_path / "old.json", None)
        assert fresh.opens(
            SUBJECT, wrapped[SUBJECT]
        )  # the control: a backup of before opens while the old one is kept
        assert call("keys", "drop", new, *words).returncode == 2
        assert call("keys", "drop", old, *words).returncode == 0
        assert not load(file).opens(SUBJECT, wrapped[SUBJECT])
        assert not forget(file, old)


def test_a_rotation_that_broke_off_is_finished(store: Store, tmp_path: Path) -> None:
    """Stopped after the file, before the store: both start; a key wrapped by a master that nobody has is named."""
    from civic.store.key_file import note_master, switch

    file = tmp_path / "keys.json"
    keys = keys_of(store, file, None)
    content = sealed(store, keys)
    switch(file)
    again = keys_of(store, file, None)
    assert again.unseal(store, SUBJECT, "7K3F-9QXM", content) == b"answers"
    assert store.rewrap(again.rewrapped) == 1 and store.rewrap(again.rewrapped) == 0
    with store.open("keys") as book:
        note_master(book, again)
    assert keys.unseal(store, SUBJECT, "7K3F-9QXM", content) == b"answers"
    with pytest.raises(WrongKey):
        load_or_create(tmp_path / "b.json").unseal(store, SUBJECT, "7K3F-9QXM", content)


def test_two_servers_on_one_database_share_their_keys(url: str, tmp_path: Path) -> None:
    """The master is changed while one serves, for forms with entries and without; one with an empty key folder ends."""
    content = write_content(
        tmp_path / "content", {"one": a_lecture_file("하나"), "two": a_lecture_file("둘")}
    )
    first = Server(content, url, keys=str(tmp_path / "a"), rate_limit="off").ready()
    try:
        with first.client() as client:
            people = [sign_up(client, "one", name="홍길동")]
            done = call("keys", "rotate", "--data", url, "--content", content, keys=str(tmp_path / "a"))
            assert "자료 열쇠 1개를 다시" in done.stdout
            people += [sign_up(client, slug, name="홍길동") for slug in ("one", "two")]
        for entry, _ in people:
            words = ("entries", "show", entry["number"], "--data", url, "--content", content)
            assert "홍길동" in call(*words, keys=str(tmp_path / "a")).stdout
        uses = call("keys", "show", "--data", url, "--content", content, keys=str(tmp_path / "a")).stdout
        assert [line[-2:] for line in uses.splitlines()] == ["2개", "0개"]
        second = Server(content, url, keys=str(tmp_path / "b"))
        assert second.process.wait(30) == 2
        second.stop()
        assert len(second.lines) == 1 and f"{tmp_path}/b에 되돌려" in second.lines[0]
        shutil.copytree(tmp_path / "a", tmp_path / "b", dirs_exist_ok=True)
        assert Server(content, url, keys=str(tmp_path / "b")).ready().stop() == 0
    finally:
        first.stop()
