"""What fsspec opens: the same bytes as from the disk, and every failure by its words."""

import gzip
import hashlib
import sys
import zipfile

import pytest

from miscope.errors import FormatError, InputError, MissingExtraError
from miscope.sequences import read_text
from miscope.sequences.remote import expand_url, is_url, open_url, public, refuse_cut
from miscope.sequences.sources import expand

pytestmark = pytest.mark.extras
fsspec = pytest.importorskip("fsspec")
MemoryFileSystem = fsspec.get_filesystem_class("memory")

TEXT = "So it's so.\nSo be it!\n"


class Guarded(MemoryFileSystem):
    """A storage of its own kind, that refuses or breaks on some names."""

    protocol = "guarded"
    store: dict = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("guarded://", "memory://"))

    def cat_file(self, path, *arguments, **options):
        self._check(path)
        return super().cat_file(path, *arguments, **options)

    def _open(self, path, mode="rb", *arguments, **options):
        if mode == "rb":
            self._check(path)
        return super()._open(path, mode, *arguments, **options)

    @staticmethod
    def _check(path):
        if "secret" in path:
            raise PermissionError("403 Forbidden")
        if "broken" in path:
            raise RuntimeError("the line went dead at https://x.org/a?signature=abc123\nand more")


@pytest.fixture(autouse=True)
def storages(monkeypatch):
    """Files in memory, gone after each test."""
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    monkeypatch.setattr(Guarded, "store", {})
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    files = fsspec.filesystem("memory")
    for name in ("b", "a", "c"):
        files.pipe(f"/corpus/{name}.txt", (TEXT + name).encode())
    files.pipe("/corpus/deep/d.txt", b"deep")
    fsspec.filesystem("guarded").pipe({"/corpus/secret.txt": b"x", "/corpus/broken.txt": b"x", "/corpus/a.txt": b"a"})
    return files


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
def test_as_from_the_disk(tmp_path, unit):
    (tmp_path / "a.txt").write_text(TEXT + "a")
    from_disk = read_text(tmp_path / "a.txt", unit)
    for url in ("memory://corpus/a.txt", (tmp_path / "a.txt").as_uri(), f"local://{tmp_path}/a.txt"):
        found = read_text(url, unit)
        assert found == from_disk
        assert found.provenance["label"] == "a.txt"
        digest = hashlib.sha256((TEXT + "a").encode()).hexdigest()
        assert found.provenance["sources"] == [{"name": url, "bytes": len(TEXT) + 1, "sha256": digest}]


def test_storage_of_another_kind():
    assert read_text("guarded://corpus/a.txt").decode(0) == "a"


def test_an_address_inside_another(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner.txt", TEXT)
    assert "".join(read_text(f"zip://inner.txt::{tmp_path}/a.zip").decode(0)) == TEXT
    with pytest.raises(InputError, match="an address inside another, where patterns do not work; list the files"):
        expand_url(f"zip://*.txt::{tmp_path}/a.zip")


def test_patterns_are_expanded_by_the_storage(tmp_path):
    assert [name[-5:] for name in expand("memory://corpus/[ab].txt")] == ["a.txt", "b.txt"]
    assert [name[-5:] for name in expand("memory://corpus/?.txt")] == ["a.txt", "b.txt", "c.txt"]
    assert [name[-10:] for name in expand("memory://corpus/**/d.txt")] == ["deep/d.txt"]
    found = read_text("memory://corpus/*.txt", documents="file")
    assert [found.decode(k)[-1] for k in range(len(found))] == ["a", "b", "c"]
    assert found.provenance["label"] == "a.txt and 2 more"
    (tmp_path / "e.txt").write_text("e")
    mixed = read_text([tmp_path / "e.txt", "memory://corpus/d*", "memory://corpus/a.txt"][::2])
    assert (mixed.n_documents, mixed.decode(0)) == (2, "e")
    with pytest.raises(InputError, match="no file matches 'memory://corpus/z"):
        expand("memory://corpus/z*")


def test_a_question_mark_in_a_web_address_is_no_pattern():
    assert expand("https://x.org/a.txt?page=1") == ["https://x.org/a.txt?page=1"]


def test_compressed(storages):
    storages.pipe("/corpus/a.txt.gz", gzip.compress(TEXT.encode()))
    assert read_text("memory://corpus/a.txt.gz").decode(0) == TEXT
    storages.pipe("/corpus/cut.txt.gz", gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(InputError, match=r"'memory://corpus/cut.txt.gz' is a damaged gzip file"):
        read_text("memory://corpus/cut.txt.gz")


def test_progress_counts_the_bytes_of_all():
    told = []
    read_text("memory://corpus/?.txt", progress=lambda done, total: told.append((done, total)))
    each = len(TEXT) + 1
    assert told == [(each, 3 * each), (2 * each, 3 * each), (3 * each, 3 * each)]


def test_what_is_and_is_not_an_address(tmp_path):
    addresses = ["s3://b/a", "hf://datasets/a/b/c.txt", "https://x.org", "zip://a::s3://b/c.zip", "FILE:///a"]
    assert all(map(is_url, addresses))
    assert not any(map(is_url, ["a.txt", "C:\\a.txt", "C:/a.txt", "dir/a://b", "-", "", "a::b", "1://a"]))


def test_paths_that_lost_a_slash(tmp_path):
    with pytest.raises(InputError, match=r"'s3:/b/a.txt' lacks a slash.*pass 's3://b/a.txt' as a str"):
        read_text("s3:/b/a.txt")
    for path in ("C:/a.txt", "c:/a", "notes:/a"):
        refuse_cut(path)


def test_secrets_stay_out_of_results():
    assert public("https://me:word@x.org/a.txt?X-Amz-Signature=abc&b=c") == "https://x.org/a.txt"
    assert public("zip://a.txt::ftp://me@x.org/a.zip") == "zip://a.txt::ftp://x.org/a.zip"
    for same in ("s3://b/a?.txt", "abfs://container@account/a", "hf://datasets/a/b@main/c.txt", "memory://[a/b"):
        assert public(same) == same


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://corpus/none.txt", "cannot read 'memory://corpus/none.txt': there is no such file"),
        ("memory://corpus", r"'memory://corpus' is a folder; name the files in it, such as 'memory://corpus/\*.txt'"),
        ("guarded://corpus/secret.txt", r"no right to read it \(403 Forbidden\)"),
        ("guarded://corpus/broken.txt", r"the line went dead at https://x.org/a and more; check the address, the netw"),
        ("s4://corpus/a.txt", "unknown kind of address 's4'; did you mean 's3'"),
        ("quuqv://corpus/a.txt", r"unknown kind of address 'quuqv' \(such as s3, gs, hf, https\)"),
        ("https://me:word@x.org:99999/a?key=abc", "'https://x.org:99999/a'"),
    ],
)
def test_what_cannot_be_read(url, words):
    with pytest.raises((InputError, MissingExtraError), match=words) as caught:
        read_text(url)
    assert not any(secret in str(caught.value) for secret in ("word", "abc", "\n"))


def test_folders_of_this_machine(tmp_path):
    with pytest.raises(InputError, match="is a folder; name the files in it"):
        read_text(tmp_path.as_uri())


@pytest.mark.parametrize(
    ("url", "library"), [("s3://b/a.txt", "s3fs"), ("gs://b/*.txt", "gcsfs"), ("az://b/a", "adlfs")]
)
def test_the_missing_library_is_named(monkeypatch, url, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=f"needs '{library}', which is not installed: pip install {library}"):
        read_text(url)


def test_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"reading 'memory://a' needs 'fsspec'.*pip install \"miscope\[hub\]\""):
        read_text("memory://a")


def test_files_read_in_pieces():
    with open_url("memory://corpus/a.txt") as file:
        file.seek(3)
        assert file.read(4) == b"it's"
    with pytest.raises(InputError, match="there is no such file"), open_url("memory://corpus/none.txt"):
        pass
    for error, kept in [(ValueError("bad magic"), ValueError), (FormatError("no table"), FormatError)]:
        with pytest.raises(kept, match=str(error)), open_url("memory://corpus/a.txt"):
            raise error
    with (
        pytest.raises(InputError, match=r"a\.txt': line lost; check"),
        open_url("memory://corpus/a.txt"),
    ):
        raise OSError("line lost")


def test_web_servers_that_send_no_parts(monkeypatch):
    """They answer with the whole file, which is then at hand; others are read in pieces."""

    class Web(MemoryFileSystem):
        protocol = ("http", "https")
        cachable = False
        parts = False

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.replace("https://x.org", "/corpus"))

        def cat_file(self, path, start=None, end=None, **options):
            if path.endswith("none.txt"):
                raise FileNotFoundError(path)
            return super().cat_file(path, *((start, end) if Web.parts else ()), **options)

        def _open(self, path, *arguments, **options):
            if not Web.parts:
                raise ValueError("The HTTP server doesn't appear to support range requests")
            return super()._open(path, *arguments, **options)

    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: (Web(), Web._strip_protocol(url)))
    for parts in (False, True):
        Web.parts = parts
        with open_url("https://x.org/a.txt") as file:
            file.seek(3)
            assert file.read() == (TEXT + "a").encode()[3:]
    with pytest.raises(InputError, match=r"'https://x.org/none.txt': there is no such file"):  # noqa: SIM117
        with open_url("https://x.org/none.txt"):
            pass
