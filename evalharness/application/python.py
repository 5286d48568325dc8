"""A Python function of the project as a target.

    [tool.evalharness.models.app]
    provider = "python"
    call = "rag:answer"                  # module and function below the root
    path = ["src"]                       # the folders that the module is imported from; default: the root
    env = ["OPENAI_API_KEY"]             # the only variables of the environment that the function sees

The function runs in a child process, which imports the module: this process never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from evalharness.application.environment import environment_of
from evalharness.application.source import digest_of, find_source, identity_files_of, is_unchanged
from evalharness.application.supervisor import START_S, Supervisor, supervise
from evalharness.config import Config
from evalharness.errors import ConfigError, ProviderError
from evalharness.providers.answer import response_of
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.records import Request, Response, Timing

_MOST_CONCURRENCY = 256


class PythonProvider(Provider):
    """A function in a supervised child process."""

    def __init__(
        self,
        call: str,
        *,
        path: Sequence[str] = (".",),
        env: Sequence[str] = (),
        concurrency: int = 1,
        deadline_s: float = 120.0,
        recorded: bool = False,
        identity_files: Sequence[str] = (),
        deterministic: bool = False,
        config: Config,
    ) -> None:
        """Check the options and find the module, without importing it. Raises ConfigError.

        Args:
            call: `MODULE:FUNCTION`, below the root.
            path: Folders below the root to import from, such as `["src"]`.
            env: Names of the variables that the function sees.
            concurrency: Calls at once: threads of one process, or tasks of one event loop if the function is async.
            deadline_s: Seconds for one call.
            recorded: Record and replay answers; needs `identity_files`.
            identity_files: Patterns of all files that an answer depends on.
            deterministic: Whether equal requests have equal answers, so that one sample of a case is enough.
            config: The project's configuration.

        """
        _check(concurrency, deadline_s, recorded=recorded, deterministic=deterministic)
        root = config.root.resolve()
        self._call, self._source = call, find_source(call, path, root)
        self._path, self._patterns, self._concurrency, self._deadline_s = path, identity_files, concurrency, deadline_s
        self._files = identity_files_of(identity_files, root) if identity_files else ()
        self._check_files(root, recorded=recorded)
        self._digest = digest_of(self._files, root) if self._files else ""
        self._environment, refusal = environment_of(env)
        self._root, self._outside = root, ""
        self._accepted: PythonProvider | None = None
        """Answers requests of the purpose `reference`."""
        self._supervisor = self._supervise()
        self.capabilities = Capabilities(
            concurrency=concurrency,
            retries=2,  # after a crash of another call, see Supervisor
            deadline_s=2 * START_S + 3 * deadline_s,
            recorded=recorded,
            files=self._files,
            own_code=True,
            tools=self._source.takes_tools,
            keeps_state=self._source.keeps_conversation,
            deterministic="always" if deterministic else "never",
            refusal=refusal,
            refusal_kind="auth",
        )

    def _supervise(self) -> Supervisor:
        return supervise(
            self._source,
            self._root,
            self._environment,
            self._deadline_s,
            outside=self._outside,
            keeps_conversation=self._source.keeps_conversation,
            concurrency=self._concurrency,
        )

    def with_code_in(self, folder: Path) -> PythonProvider:
        """Return a provider with the function in another folder; this one, if its code is the same there.

        Imports the module. Raises ConfigError: the folder has no such function, or it cannot be imported.
        """
        root = folder.resolve()
        if self._accepted is not None and self._accepted._root == root:
            return self._accepted
        if is_unchanged(root, self._root, self._source.paths):
            self._accepted = self
            return self
        files = identity_files_of(self._patterns, root) if self._patterns else ()
        then = copy(self)
        then._source, then._files, then._root = find_source(self._call, self._path, root), files, root
        then._digest = digest_of(files, root) if files else ""
        then._outside, then._accepted = str(self._root), None
        then._supervisor = then._supervise()
        try:
            then.prepare()
        except ProviderError as error:
            then.close()
            raise ConfigError(f"the accepted version of {self._call} cannot run: {error}") from None
        self._accepted = then
        return then

    def _check_files(self, root: Path, *, recorded: bool) -> None:
        if recorded and not self._files:
            raise ConfigError(
                'recorded = true needs identity_files, such as ["src/**/*.py"]: the files that an answer depends on'
            )
        own = self._source.file.resolve().relative_to(root).as_posix()
        if self._files and own not in self._files:
            raise ConfigError(f"identity_files: expected {own} among the files, because it has the function")

    @property
    def child_pid(self) -> int | None:
        """The id of the current process, once there is one."""
        return self._supervisor.pid

    def identity(self) -> Mapping[str, Any]:
        """Return the function, and the digest of its files."""
        return {"provider": "python", "call": self._call, **({"files": self._digest} if self._digest else {})}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return all that the function can see, and the digest of its files where they are those of another commit."""
        then = self._accepted if request.key.purpose == "reference" else None
        known = request.messages[: request.conversation.sent] if request.conversation else ()
        return {
            **_call_of(request),
            **({"tools": [tool.to_data() for tool in request.tools]} if request.tools else {}),
            **({"known": [message.to_data() for message in known]} if known else {}),
            **({"files": then._digest} if then and then is not self else {}),
        }

    def prepare(self) -> None:
        """Start the process and import the module. Raises ProviderError."""
        self._supervisor.prepare()

    def complete(self, request: Request) -> Response:
        """Return what the function returns. Safe to call from many threads.

        Raises ProviderError of kind application (an exception), answer (no answer), crash, hang, deadline, import or
        stopped.
        """
        if request.key.purpose == "reference" and self._outside == "":
            if self._accepted is None:
                raise ProviderError("the accepted version of the application is not here", kind="import")
            if self._accepted is not self:
                return self._accepted.complete(request)  # if its process is lost, this version goes on
        reply = self._supervisor.call(_call_of(request), request.key, request.conversation)
        return response_of(reply["answer"], Timing(total_s=reply["total_s"]))

    def close(self) -> None:
        """End the processes at once."""
        self._supervisor.close()
        if self._accepted is not None and self._accepted is not self:
            self._accepted.close()


def _call_of(request: Request) -> dict[str, Any]:
    called: dict[str, Any] = {
        "messages": [message.to_data() for message in request.new_messages],
        "variables": dict(request.variables),
        "case": request.key.case,
        "params": request.params.to_data(),
    }
    if request.tools:
        called["tools"] = [{**tool.to_data(), "parameters": tool.schema} for tool in request.tools]
    return called


def _check(concurrency: Any, deadline_s: Any, **flags: Any) -> None:
    if type(concurrency) is not int or not 1 <= concurrency <= _MOST_CONCURRENCY:
        raise ConfigError(f"'concurrency' must be an integer from 1 to {_MOST_CONCURRENCY}, got {concurrency!r}")
    if type(deadline_s) not in (int, float) or not 0 < deadline_s <= 86_400:
        raise ConfigError(f"'deadline_s' must be a number of seconds up to 86,400, got {deadline_s!r}")
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ConfigError(f"'{name}' must be true or false, got {value!r}")
