"""A commit of the repository: its files, read without checking it out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from evalharness.errors import GitError, StoreError
from evalharness.store.git_command import bounded, find_place, output_of

_MOST_FILE, _MOST_FILES = 256_000_000, 1_000_000_000
"""Limits in bytes: of one file, of all files together."""
_REGULAR, _LINK, _SUBMODULE = ("100644", "100755"), ("120000",), ("160000",)
_MOST_TARGET = 4096
"""Longest target of a symbolic link in bytes."""


class _Entry(NamedTuple):
    """A file or a symbolic link of a commit."""

    path: str
    """Relative to the root of the project."""
    blob: str
    size: int


_FOLDER = "040000"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository that the folder `root` lies in.

    Paths are relative to `root`.
    """

    root: Path
    sha: str
    _listed: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False, compare=False)
    """Arguments of `git ls-tree` -> its output, which is the same each time."""

    def read(self, path: str) -> bytes | None:
        """The content of a regular file; None if there is none. Raises GitError."""
        entries = [entry for entry in self._entries(path) if entry.path == str(PurePosixPath(path))]
        return next((content for _, content in self._contents(entries)), None)

    def files(self, folder: str) -> list[str]:
        """The regular files below a folder, sorted. Raises GitError."""
        return sorted(entry.path for entry in self._entries(folder))

    def bytecode(self, *folders: str) -> set[tuple[str, str]]:
        """Path and id of each file in a folder `__pycache__` at and below these folders. Raises GitError."""
        entries = self._entries(*folders)
        return {(one.path, one.blob) for one in entries if "__pycache__" in PurePosixPath(one.path).parts}

    def identities(self, *paths: str) -> dict[str, str]:
        """Path -> id of each file, link and submodule at and below these paths. Raises GitError."""
        modes = (*_REGULAR, *_LINK, *_SUBMODULE)
        return {one.path: one.blob for one in self._entries(*paths, modes=modes)} if paths else {}

    def submodules(self, *folders: str) -> set[tuple[str, str]]:
        """Path and commit of each submodule at and below these folders. Raises GitError."""
        return {(one.path, one.blob) for one in self._entries(*folders, modes=_SUBMODULE)}

    def contents(self, folder: str, known: set[str]) -> Iterator[tuple[str, bytes]]:
        """Path and content of each regular file below a folder that is not in `known`.

        `known` has the ids of blobs; those of the yielded files are added. Raises GitError.
        """
        new = [entry for entry in self._entries(folder) if entry.blob not in known]
        known |= {entry.blob for entry in new}
        yield from ((entry.path, content) for entry, content in self._contents(new))

    def write_to(self, folder: Path, *paths: str, known: Collection[str] = ()) -> list[str]:
        """Copy the regular files at and below `paths` into a `folder` that holds those in `known` and no others.

        Returns the paths of the new ones. Raises GitError if git cannot read them, or if they are too large, and
        StoreError if they cannot be written.
        """
        entries = [entry for entry in dict.fromkeys(self._entries(*paths)) if entry.path not in known]
        try:
            for entry, content in self._contents(entries):
                target = folder / entry.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:  # does not overwrite a file or follow a link
                    file.write(content)
        except OSError as error:
            raise StoreError(f"the files of {self.sha[:12]} cannot be written: {error.strerror or error}") from None
        return sorted(entry.path for entry in entries)

    def links(self, *paths: str) -> dict[str, str]:
        """The symbolic links at and below `paths`: path -> target, cut at 4,096 bytes. Raises GitError."""
        entries = self._entries(*paths, modes=_LINK)
        small = [entry for entry in entries if entry.size <= _MOST_TARGET]
        found = {entry.path: content.decode("utf-8", "surrogateescape") for entry, content in self._contents(small)}
        return dict.fromkeys((entry.path for entry in entries), "") | found

    def names(self, folder: str = "") -> list[str]:
        """The names of the files and folders in a folder. Raises GitError."""
        path = find_place(self.root).prefix / folder
        where = () if path == PurePosixPath() else ("--", f"{path}/")
        return [PurePosixPath(name).name for name in self._lines("--name-only", self.sha, *where)]

    def holding(self, *paths: str) -> set[str]:
        """Those of the paths that are in this commit, or below a link or a submodule in it. Raises GitError."""
        place = find_place(self.root)
        whole = {path: place.prefix / path for path in paths}
        above = {str(part) for path in whole.values() for part in (path, *path.parents) if part.parts}
        entries = [line.partition("\t") for line in self._lines("-t", self.sha, "--", *sorted(above))]
        ends = {PurePosixPath(name) for about, _, name in entries if not about.startswith(_FOLDER)}
        return {path for path, place in whole.items() if ends & {place, *place.parents}}

    def _entries(self, *paths: str, modes: Collection[str] = _REGULAR) -> list[_Entry]:
        place, relative = find_place(self.root), [PurePosixPath(path) for path in paths]
        if wrong := next((one for one in relative if one.is_absolute() or ".." in one.parts or "\0" in str(one)), None):
            raise GitError(f"expected a path below the root, got {str(wrong)!r}")
        named = [str(place.prefix / one) for one in relative]
        lines = self._lines("-r", "-l", self.sha, *(() if "." in named else ("--", *named)))
        return list(_of_modes(modes, lines, place.prefix))

    def _lines(self, *words: str) -> Iterator[str]:
        """The lines of `git ls-tree` with these arguments. It runs once: a run lists the same paths several times."""
        if words not in self._listed:
            with output_of(find_place(self.root), ("ls-tree", "-z", "--full-tree", *words)) as output:
                self._listed[words] = bounded(output).decode("utf-8", "surrogateescape")
        return filter(None, self._listed[words].split("\0"))

    def _contents(self, entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, bytes]]:
        """The contents of the entries, one at a time, because together they may be large."""
        large = next((entry.path for entry in entries if entry.size > _MOST_FILE), None)
        if large or sum(entry.size for entry in entries) > _MOST_FILES:
            limit = f"more than {(_MOST_FILE if large else _MOST_FILES) / 1e6:.0f} MB"
            raise GitError(f"{large or 'the suites and goldens'} of {self.sha[:12]}: {limit}")
        if not entries:
            return
        blobs = "".join(f"{entry.blob}\n" for entry in entries).encode()
        with output_of(find_place(self.root), ("cat-file", "--batch"), stdin=blobs) as output:
            for entry in entries:
                if output.readline() != f"{entry.blob} blob {entry.size}\n".encode():
                    raise GitError(f"{entry.path} of {self.sha[:12]}: not in this clone: fetch it, or clone again")
                yield entry, output.read(entry.size)
                output.read(1)


def _of_modes(modes: Collection[str], lines: Iterable[str], prefix: PurePosixPath) -> Iterator[_Entry]:
    for line in lines:
        about, _, name = line.partition("\t")
        mode, _, blob, size = about.split()
        if mode in modes:
            path = PurePosixPath(name)
            if path.is_absolute() or {"..", ".git"} & set(path.parts) or not path.is_relative_to(prefix):
                raise GitError(f"expected the path of a file, got {name!r} (blob {blob[:12]})")
            yield _Entry(str(path.relative_to(prefix)), blob, int(size) if size != "-" else 0)
