"""Reading another commit: the merge base, its files, and that no code of the checkout runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from repository import Repository

from evalharness.errors import GitError, StoreError
from evalharness.store import commit as commit_module
from evalharness.store import git, git_command
from evalharness.store.commit import Commit
from evalharness.store.git import merge_base
from evalharness.testing.ci import leave_ci

TRAPS = """\
[core]
    hooksPath = {root}/hooks
    fsmonitor = {root}/trap
    pager = {root}/trap
    sshCommand = {root}/trap
[alias]
    ls-tree = !{root}/trap
    cat-file = !{root}/trap
[filter "trap"]
    smudge = {root}/trap
    clean = {root}/trap
    process = {root}/trap
    required = true
[diff "trap"]
    textconv = {root}/trap
"""


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of a CI system that may run these tests."""
    leave_ci(monkeypatch)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit on main, with one file."""
    repository = Repository(tmp_path / "repository")
    repository.write("golden/a.yaml", "old\n")
    repository.commit()
    return repository


def found(root: Path, ref: str | None = None) -> Commit:
    """The existing merge base."""
    commit = merge_base(root, ref)
    assert commit
    return commit


def worse(repository: Repository) -> str:
    """Commit another content of the file."""
    repository.write("golden/a.yaml", "new\n")
    return repository.commit()


def test_no_repository(tmp_path: Path) -> None:
    """A folder outside of a repository has no merge base, nor does a repository before its first commit."""
    assert merge_base(tmp_path) is None
    assert merge_base(Repository(tmp_path / "empty").root) is None


def test_uncommitted_edit_on_main(repository: Repository) -> None:
    """On the default branch, the merge base is its last commit."""
    head = worse(repository)
    repository.write("golden/a.yaml", "newer\n")
    assert found(repository.root) == Commit(repository.root, head)
    assert found(repository.root).read("golden/a.yaml") == b"new\n"


@pytest.mark.parametrize("detached", [False, True])
def test_branch(repository: Repository, detached: bool) -> None:
    """On a branch, or detached, the merge base is the commit at which the branch left main."""
    fork = repository.git("rev-parse", "HEAD")
    repository.branch()
    worse(repository)
    repository.git("checkout", "--quiet", "main")
    repository.commit(lambda r: r.write("other", "x"))
    repository.git("checkout", "--quiet", *(["--detach"] if detached else []), "topic")
    assert found(repository.root).sha == fork
    assert found(repository.root).read("golden/a.yaml") == b"old\n"


@pytest.mark.parametrize("ref", ["release", "v1", "sha"])
def test_given_ref(repository: Repository, ref: str) -> None:
    """A given branch, tag or commit takes precedence over the default branch."""
    repository.branch("release")
    fork = worse(repository)
    repository.git("tag", "v1")
    repository.branch()
    repository.commit()
    assert found(repository.root, fork if ref == "sha" else ref).sha == fork


@pytest.mark.parametrize("ref", ["^HEAD", "HEAD:golden", "none", "a b", "main..main"])
def test_unknown_ref(repository: Repository, ref: str) -> None:
    """A ref without a commit in this clone is an error that tells what to do."""
    with pytest.raises(GitError, match=r"no commit .*fetch-depth: 0"):
        merge_base(repository.root, ref)


@pytest.mark.parametrize("ref", ["", "-x", "--upload-pack=touch trap", "--git-dir", "a\0b"])
def test_ref_that_could_be_an_option(repository: Repository, ref: str) -> None:
    """A ref that git could read as an option is refused before git runs."""
    with pytest.raises(GitError, match="expected the name of a commit"):
        merge_base(repository.root, ref)


@pytest.fixture
def pull_request(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A job for a pull request to the branch `release` of `origin`, from a branch with the same name."""
    fork = repository.git("rev-parse", "HEAD")
    repository.git("update-ref", "refs/remotes/origin/release", fork)
    repository.branch("release")
    worse(repository)
    repository.git("branch", "--force", "main")
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return repository


@pytest.mark.parametrize("target", ["gone", "--upload-pack=x", "release..main", "releas?", "*", "0" * 40])
def test_target_that_is_not_there(pull_request: Repository, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A target branch that is not in the clone is an error that tells what to do, never another branch."""
    monkeypatch.setenv("GITHUB_BASE_REF", target)
    with pytest.raises(
        GitError, match=r"no target branch of this pull request in this clone \(tried origin/.*fetch-depth: 0"
    ):
        merge_base(pull_request.root)


@pytest.mark.parametrize("name", ["--upload-pack=x", "no\N{NO-BREAK SPACE}break", "line\u2028end", "a/b", "größe"])
def test_target_with_an_odd_name(pull_request: Repository, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A target branch can have any name."""
    fork = pull_request.git("rev-parse", "refs/remotes/origin/release")
    pull_request.git("update-ref", f"refs/remotes/origin/{name}", fork)
    monkeypatch.setenv("GITHUB_BASE_REF", name)
    assert found(pull_request.root).sha == fork


def test_default_branch_of_the_remote(repository: Repository) -> None:
    """The default branch of origin takes precedence over a local main."""
    fork = repository.git("rev-parse", "HEAD")
    repository.git("update-ref", "refs/remotes/origin/trunk", fork)
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert worse(repository) != fork
    assert found(repository.root).sha == fork


def test_no_default_branch(repository: Repository) -> None:
    """Outside of CI, without a default branch, the merge base is HEAD."""
    repository.git("branch", "--move", "trunk")
    head = worse(repository)
    assert found(repository.root).sha == head


def test_unrelated(repository: Repository) -> None:
    """A branch that shares no commit with the default branch is an error."""
    repository.git("checkout", "--quiet", "--orphan", "topic")
    worse(repository)
    with pytest.raises(GitError, match="share no commit in this clone"):
        merge_base(repository.root)


def test_shallow_clone(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone that is too shallow for the merge base is an error with that reason."""
    repository.branch()
    worse(repository)
    origin = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", "--branch=topic", origin, "../clone")
    clone = Repository(repository.root.parent / "clone", new=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    with pytest.raises(GitError, match=r"no target branch .*fetch-depth: 0"):
        merge_base(clone.root)
    clone.git("fetch", "--quiet", "--depth=1", origin, "main:refs/remotes/origin/main")
    clone.git("fetch", "--quiet", "--unshallow", origin)
    assert found(clone.root).sha == repository.git("rev-parse", "main")


def test_clone_without_contents(repository: Repository) -> None:
    """A missing object of a partial clone is an error, and is not fetched."""
    worse(repository)
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("clone", "--quiet", "--filter=blob:none", f"file://{repository.root}", "../clone")
    clone = Repository(repository.root.parent / "clone", new=False)
    with pytest.raises(GitError, match="clone without --filter"):
        found(clone.root, "HEAD~1").read("golden/a.yaml")
    assert found(clone.root).read("golden/a.yaml") == b"new\n"


def test_work_tree_of_another(repository: Repository) -> None:
    """A linked work tree has the merge base of its repository."""
    fork = repository.git("rev-parse", "HEAD")
    repository.git("worktree", "add", "--quiet", "-b", "topic", "../linked")
    linked = Repository(repository.root.parent / "linked", new=False)
    worse(linked)
    assert found(linked.root).sha == fork


def test_folder_of_a_repository(repository: Repository) -> None:
    """Paths are relative to the project, which may be a folder of the repository, also through a link."""
    repository.write("app/golden/b.yaml", "b\n")
    repository.commit()
    link = repository.root.parent / "link"
    link.symlink_to(repository.root / "app")
    for root in (repository.root / "app", link):
        commit = found(root)
        assert commit.files(".") == commit.files("golden") == ["golden/b.yaml"]
        assert (commit.read("golden/b.yaml"), commit.read("golden/a.yaml")) == (b"b\n", None)


def test_submodule_in_place_of_the_project(repository: Repository, tmp_path: Path) -> None:
    """If a pull request turns the project's folder into a submodule, the merge base is that of the outer repository."""
    other = Repository(tmp_path / "other")
    worse(other)
    base = repository.commit(lambda r: r.write("app/golden/a.yaml", "old\n"))
    repository.branch()
    shutil.rmtree(repository.root / "app")
    repository.commit()
    repository.git("submodule", "--quiet", "add", str(other.root), "app")
    repository.commit()
    assert (repository.root / "app/golden/a.yaml").read_text() == "new\n"
    assert found(repository.root / "app").sha == base
    assert found(repository.root / "app").read("golden/a.yaml") == b"old\n"


def test_folder_that_poses_as_a_repository(repository: Repository, tmp_path: Path) -> None:
    """Files of a pull request that look like a bare repository are not used as one."""
    worse(other := Repository(tmp_path / "other"))
    repository.write("app/golden/a.yaml", "old\n")
    base = repository.commit()
    shutil.copytree(other.root / ".git", repository.root / "app", dirs_exist_ok=True)
    app = Repository(repository.root / "app", new=False)
    assert app.git("rev-parse", "HEAD") == other.git("rev-parse", "HEAD")
    assert found(app.root).sha == base


def test_environment_of_a_hook(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that git sets for hooks, which can name another repository, are ignored."""
    worse(other := Repository(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.root / ".git/objects"))
    assert found(repository.root).sha == repository.git("rev-parse", "HEAD")
    assert found(repository.root).read("golden/a.yaml") == b"old\n"


def test_replaced_commit(repository: Repository) -> None:
    """Replacement objects, with which one commit can replace another, are ignored."""
    base = repository.git("rev-parse", "HEAD")
    repository.branch()
    repository.git("replace", base, worse(repository))
    assert repository.git("show", f"{base}:golden/a.yaml") == "new"
    assert Commit(repository.root, base).read("golden/a.yaml") == b"old\n"


def test_nothing_runs(repository: Repository, tmp_path: Path) -> None:
    """No hook, filter or other command in git's configuration runs, and contents are raw."""
    sprung = repository.root / "sprung"
    trap = repository.write("trap", f"#!/bin/sh\necho >> '{sprung}'\nexec cat\n")
    trap.chmod(0o755)
    shutil.copytree(repository.root / "golden", repository.root / "hooks")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(trap, repository.root / "hooks" / hook)
    repository.write(".gitattributes", "* filter=trap diff=trap\n")
    repository.commit()
    with (repository.root / ".git/config").open("a") as config:
        config.write(TRAPS.format(root=repository.root))
    commit = found(repository.root)
    assert commit.read("golden/a.yaml") == b"old\n"
    commit.write_to(tmp_path / "copy", *commit.files("."))
    assert [changed.commit.sha for changed in git.commits_that_changed(repository.root, "golden", 9)][-1:] == [
        repository.git("rev-list", "--max-count=1", "HEAD", "--", "golden")
    ]
    assert git.has_whole_history(repository.root)
    assert not sprung.exists()
    repository.git("update-ref", "refs/heads/other", "HEAD")
    assert sprung.exists(), "the trap works"


def test_git_of_the_checkout(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called git in the checkout does not run, even if the search path begins with `.`."""
    repository.write("git", f"#!/bin/sh\ntouch '{repository.root}/sprung'\n").chmod(0o755)
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    assert found(repository.root).read("golden/a.yaml") == b"old\n"
    assert not (repository.root / "sprung").exists()


@pytest.mark.parametrize(
    ("script", "most_s", "message"),
    [("exec sleep 600", 0.2, "took more than 0.2 s"), ("echo no >&2; exit 3", 60, "failed: no")],
)
def test_git_that_does_not_work(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, most_s: float, message: str
) -> None:
    """A git that hangs or fails is an error."""
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_command, "_TIMEOUT_S", most_s)
    with pytest.raises(GitError, match=f"git .*{message}"):
        merge_base(repository.root)


def test_no_git(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is no merge base outside of CI. In CI, or with a given ref, this is an error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    assert merge_base(repository.root) is None
    with pytest.raises(GitError, match="cannot be run"):
        merge_base(repository.root, "main")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(GitError, match="cannot be run"):
        merge_base(repository.root)


NAMES = ("plain.yaml", "-x", "two words", "*", ":(glob)**", 'quote"', "line\nend", "tab\t", "größe", "a\\b", "HEAD")


@pytest.mark.parametrize("name", NAMES)
def test_names(repository: Repository, name: str, tmp_path: Path) -> None:
    """A file with any name is found under this name, and no other file is."""
    repository.write(f"golden/{name}", b"\r\n\x00\xff")
    commit = Commit(repository.root, repository.commit())
    assert commit.read(f"golden/{name}") == b"\r\n\x00\xff"
    assert commit.files(f"golden/{name}") == [f"golden/{name}"]
    assert sorted(commit.write_to(tmp_path / "copy", "golden")) == sorted(["golden/a.yaml", f"golden/{name}"])
    assert (tmp_path / "copy/golden" / name).read_bytes() == b"\r\n\x00\xff"


def test_only_regular_files(repository: Repository, tmp_path: Path) -> None:
    """Only regular and executable files are read, not links, submodules or folders."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    Repository(repository.root / "golden/module").commit(lambda r: r.write("inner", "x"))
    (repository.root / "golden/link").symlink_to(secret)
    (repository.root / "golden/folder").symlink_to(tmp_path)
    repository.write("golden/run", "x").chmod(0o755)
    commit = Commit(repository.root, repository.commit())
    kinds = repository.git("ls-tree", "HEAD", "golden/")
    assert "120000" in kinds
    assert "160000" in kinds
    assert commit.files("golden") == commit.write_to(tmp_path / "copy", "golden") == ["golden/a.yaml", "golden/run"]
    names = ("golden", "golden/link", "golden/folder/secret", "golden/module", "golden/module/inner", "nothing")
    assert [commit.read(name) for name in names] == [None] * len(names)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "golden/../../secret", "a\0b"])
def test_path_outside(repository: Repository, path: str) -> None:
    """A path that leads out of the root is refused."""
    with pytest.raises(GitError, match="expected a path below the root"):
        found(repository.root).read(path)


@pytest.mark.parametrize("evil", ["..", ".git"])
def test_tree_that_leads_outside(repository: Repository, tmp_path: Path, evil: str) -> None:
    """If a crafted tree leads out of the folder, nothing is written."""
    blob = repository.git("rev-parse", "HEAD:golden/a.yaml")
    inner = repository.git("mktree", stdin=f"100644 blob {blob}\tescaped\n")
    middle = repository.git("mktree", stdin=f"040000 tree {inner}\t{evil}\n")
    tree = repository.git("mktree", stdin=f"040000 tree {middle}\tgolden\n")
    sha = repository.git("commit-tree", "-m", "evil", tree)
    with pytest.raises(GitError, match="expected the path of a file"):
        Commit(repository.root, sha).write_to(tmp_path / "copy", "golden")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("link", [False, True])
def test_nothing_is_overwritten(repository: Repository, tmp_path: Path, link: bool) -> None:
    """An existing file in the folder stays unchanged, and so does the target of a link."""
    there, elsewhere = tmp_path / "copy/golden/a.yaml", tmp_path / "elsewhere"
    there.parent.mkdir(parents=True)
    elsewhere.write_text("mine")
    if link:
        there.symlink_to(elsewhere)
    else:
        there.write_text("mine")
    with pytest.raises(StoreError, match="cannot be written"):
        found(repository.root).write_to(tmp_path / "copy", "golden")
    assert there.read_text() == elsewhere.read_text() == "mine"


@pytest.mark.parametrize("bound", ["_MOST_FILE", "_MOST_FILES", "_MOST_LISTED"])
def test_too_much(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """Files and lists above the limits are refused."""
    commit = found(repository.root)
    monkeypatch.setattr(git_command if bound == "_MOST_LISTED" else commit_module, bound, 3)
    with pytest.raises(GitError, match="more than"):
        commit.write_to(tmp_path / "copy", "golden")
    assert not (tmp_path / "copy").exists()


def test_write_once(repository: Repository, tmp_path: Path) -> None:
    """Overlapping and missing paths are no problem: each file is written once."""
    assert found(repository.root).write_to(tmp_path, "golden", "golden/a.yaml", "none.toml") == ["golden/a.yaml"]
    assert (tmp_path / "golden/a.yaml").read_text() == "old\n"


def test_lists_once(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git starts once for a folder that is listed in several ways, and not at all for the contents of no file."""
    commit, run = found(repository.root), Mock(wraps=git_command.subprocess.run)
    monkeypatch.setattr(git_command.subprocess, "run", run)
    for _ in range(2):
        assert commit.files("golden") == ["golden/a.yaml"]
        assert commit.names() == ["golden"]
        assert commit.links("golden") == {}
    assert run.call_count == 2


def test_merge_base_of_one_commit(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit since the target, git only names both: it does not search for their merge base."""
    head, run = repository.git("rev-parse", "HEAD"), Mock(wraps=git_command.subprocess.run)
    monkeypatch.setattr(git_command.subprocess, "run", run)
    assert found(repository.root).sha == head
    assert run.call_count == 2
