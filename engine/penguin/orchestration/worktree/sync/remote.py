"""A git remote, used without prompts and hooks, and with time-outs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from functools import cached_property
from tempfile import TemporaryFile
from typing import IO

from penguin.orchestration.files.text_lines import split_lines
from penguin.orchestration.worktree.git import GIT, GitError, NoRepository, Repository, environment

LIMIT = 60.0
"""Seconds without output after which a transfer is ended."""
PATIENCE = 10
"""How many times as long a transfer may take in total: the first one may include the whole history."""
_REFS = "refs/penguin/"
_OPTIONS = ("--no-recurse-submodules", "--progress")
_OF_THE_USER = ("GIT_SSH", "GIT_ASKPASS", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_CONFIG_", "GIT_ALLOW_PROTOCOL")
"""Prefixes of the variables that configure the access to remotes."""
_SHOWN = 4
_PROGRESS = re.compile(r"(remote: )?([A-Z][a-z]+ (objects|deltas)\b|Total [0-9]|Delta compression\b)")
_NO_BODY = re.compile(r"(?<=://)[^/@\s]+@")
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?(\[[^\]]*\]|[^/:]+)(?::[0-9]+(?=/))?[:/](.*)", re.IGNORECASE
)


class RemoteUnreachable(GitError):
    """The git remote does not answer, or rejects the request."""

    code = "git_remote"


class Remote:
    """A remote of a repository, by name. Methods block while git runs. Raises RemoteUnreachable."""

    def __init__(self, repository: Repository, name: str, limit: float = LIMIT) -> None:
        self.name = name
        self._repository = repository
        self._limit = limit

    def listed(self) -> dict[str, str]:
        """Return the commits of the refs that Penguin pushed, by name of the ref."""
        output = self._run("ls-remote", "--refs", self.name, f"{_REFS}*")
        rows = (line.split("\t") for line in split_lines(os.fsdecode(output)))
        return {ref: commit for commit, ref in rows if ref.startswith(_REFS)}

    def fetch(self, refs: Mapping[str, str]) -> None:
        """Set refs here (the values) to those of the remote (the keys)."""
        if refs:
            options = ("--no-tags", "--no-prune", "--no-write-fetch-head", "--no-auto-maintenance", *_OPTIONS)
            stdin = "".join(f"+{there}:{here}\n" for there, here in refs.items()).encode()
            self._run("fetch", *options, "--stdin", self.name, stdin=stdin)

    def push(self, refs: Mapping[str, str], expected: Mapping[str, str]) -> bool:
        """Set refs of the remote (the keys) to commits; '' deletes one.

        `expected` holds their current commits; '' for a ref that does not exist. Return False if one is not as
        expected. The other refs may be set by then.
        """
        options = ("--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", *_OPTIONS)
        leases = (f"--force-with-lease={there}:{expected.get(there, '')}" for there in refs)
        wanted = (f"{commit}:{there}" for there, commit in refs.items())
        output = self._run("push", *options, *leases, self.name, *wanted, fine=(0, 1)).decode("utf-8", "replace")
        refused = [line for line in split_lines(output) if line.startswith("!")]
        if others := [line for line in refused if "(stale info)" not in line]:
            raise self._trouble(f"{self._label} rejects {others[0].partition(':')[2].expandtabs(1)}")
        return not refused

    # --- address ---

    @cached_property
    def addresses(self) -> frozenset[str]:
        """Return the normalized URLs for fetch and push."""
        return addresses(self._repository, self.name)

    @property
    def _label(self) -> str:
        return f"the git remote {self.name}"

    def _trouble(self, message: str) -> RemoteUnreachable:
        return RemoteUnreachable(message, f"git ls-remote {self.name}")

    # --- git ---

    def _run(self, *arguments: str, stdin: bytes = b"", fine: tuple[int, ...] = (0,)) -> bytes:
        with TemporaryFile() as stderr:
            try:
                # A session of its own has no terminal for prompts, and can be killed together with the ssh that git
                # waits for.
                with subprocess.Popen(
                    (*GIT, *arguments),
                    cwd=self._repository.top,
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                ) as process:
                    output = self._communicate(process, stdin, stderr)
            except OSError as error:
                raise NoRepository(f"can't run git: {error.strerror}") from error
            # git reports rejected refs on standard output, one a line.
            if process.returncode not in fine or (process.returncode and not output):
                stderr.seek(0)
                message = _without_password(stderr.read()) or f"exit code {process.returncode}"
                raise self._trouble(f"{self._label} can't be used: {message}")
        return output

    def _communicate(self, process: subprocess.Popen[bytes], stdin: bytes, stderr: IO[bytes]) -> bytes:
        """Return the output of a command. End the command if it prints nothing for too long."""
        started_at = output_at = time.monotonic()
        size_before, rest = 0, stdin or None
        while True:
            try:
                return process.communicate(rest, timeout=min(1.0, self._limit))[0]
            except subprocess.TimeoutExpired:
                now, size, rest = time.monotonic(), os.fstat(stderr.fileno()).st_size, None
            if size != size_before:
                size_before, output_at = size, now
            for since, limit in ((output_at, self._limit), (started_at, self._limit * PATIENCE)):
                if now - since >= limit:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise self._trouble(f"{self._label} did not answer within {limit:g} s")

    @cached_property
    def _environment(self) -> dict[str, str]:
        how = {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_USER)}
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"}
        quiet["GIT_ASKPASS"] = ""  # Empty, not unset: otherwise git looks for another program that prompts.
        own_ssh = self._repository.run("config", "core.sshCommand", fine=(0, 1))
        if not own_ssh and "GIT_SSH" not in how:
            quiet["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
        return environment() | quiet | how


def addresses(repository: Repository, remote: str) -> frozenset[str]:
    """Return the normalized URLs for fetch and push of a remote, given by name or URL."""
    known = [repository.run("remote", "get-url", "--all", *how, remote, fine=(0, 2, 128)) for how in ((), ("--push",))]
    urls = {url for output in known for url in split_lines(os.fsdecode(output))}
    return frozenset(_address(repository, url) for url in urls or {remote})


def _address(repository: Repository, url: str) -> str:
    """Return the host and path of a URL in a normalized form."""
    path = url.removeprefix("file://")
    # As in git, a string with a slash before its first colon is a path.
    plain = "://" not in url and (":" not in url or "/" in url.partition(":")[0])
    if plain or path != url:
        found = os.path.realpath(repository.top / path)
    else:
        match = _ADDRESS.fullmatch(url)
        found = url if match is None else f"{match[1].lower()}/{match[2].lstrip('/')}"
    return found.rstrip("/").removesuffix(".git").rstrip("/")


def _without_password(said: bytes) -> str:
    """Return the output of git without passwords."""
    lines = (line.strip() for line in split_lines(said.decode("utf-8", "replace").replace("\r", "\n")))
    return _NO_BODY.sub("", "; ".join([line for line in lines if line and not _PROGRESS.match(line)][:_SHOWN]))
