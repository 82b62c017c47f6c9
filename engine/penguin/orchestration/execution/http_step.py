"""An HTTP step, as a process: `python -I -m penguin.orchestration.execution.http_step REQUEST.json`.

A process like every other step's: time-out, cancel and adoption are the same. The response goes to standard output, why
it is not the expected one to standard error. Exit 0: as expected. 1: not. 2: the request could not be read. 3: the
response could not be judged within its limits.
"""

from __future__ import annotations

import math
import re
import sys
import time
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from penguin.orchestration.core.pattern import pattern_of
from penguin.orchestration.execution.expectations import json_difference
from penguin.orchestration.execution.judging.limits import (
    LONGEST,
    MEMORY,
    NOT_JUDGED,
    TookTooLong,
    limit_memory,
    within,
)

LARGEST = 4_000_000
"""Bytes of a response's body that are read."""
PAUSE = 0.1
"""Seconds between two tries."""
LOCAL = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class HttpRequest(Struct, frozen=True, kw_only=True):
    """What to ask, and what the answer must be."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str | None = None
    status: int | None = None
    """Any 2xx where unsaid."""
    json: object = None
    text: str | None = None
    """Text that the body must contain, or /regex/ that must match in it."""
    within: float = 0.0
    """Seconds to go on trying."""
    timeout: float
    """Seconds for one try."""
    deadline: float = math.inf
    """When the step is ended, on the monotonic clock."""


class HttpResponse(Struct, frozen=True):
    """A response as far as it was read."""

    status: int
    head: str
    body: bytes
    whole: bool


class NotJudged(Exception):
    """Says which limit judging a response has hit."""


def main(path: str) -> int:
    try:
        request = msgspec.json.decode(Path(path).read_bytes(), type=HttpRequest)
    except (OSError, msgspec.DecodeError) as error:
        print(f"the request can't be read: {error}", file=sys.stderr)  # noqa: T201 - its output is the evidence
        return 2
    limit_memory()
    try:
        answer, problem = request_until_expected(request)
    except NotJudged as error:
        sys.stderr.write(str(error))
        return NOT_JUDGED
    except MemoryError:
        sys.stderr.write(f"judging the response needs more than {MEMORY >> 20} MB of memory")
        return NOT_JUDGED
    if answer:
        sys.stdout.write(answer.head + "\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(answer.body)
        sys.stdout.flush()
    sys.stderr.write(problem)
    return 1 if problem else 0


def request_until_expected(request: HttpRequest) -> tuple[HttpResponse | None, str]:
    """Try until the answer is as expected or the time is over; the last answer, and what is wrong with it."""
    give_up = time.monotonic() + request.within
    # A proxy of the environment is for the world outside.
    with httpx.Client(timeout=request.timeout, mounts=dict.fromkeys(LOCAL)) as client:
        while True:
            answer, problem = attempt(client, request)
            if not problem or time.monotonic() + PAUSE > give_up:
                return answer, problem
            time.sleep(PAUSE)


def attempt(client: httpx.Client, request: HttpRequest) -> tuple[HttpResponse | None, str]:
    """One answer, and what is wrong with it. Raises NotJudged."""
    try:
        answer = send_request(client, request)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return None, f"no answer from {request.url}: {error or type(error).__name__}"
    return answer, problem_of(answer, request)


def send_request(client: httpx.Client, request: HttpRequest) -> HttpResponse:
    content = None if request.body is None else request.body.encode()
    with client.stream(request.method, request.url, headers=request.headers, content=content) as response:
        body = bytearray()
        for chunk in response.iter_bytes(1 << 16):
            body += chunk
            if len(body) > LARGEST:
                break
        lines = [f"{response.http_version} {response.status_code} {response.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.multi_items()]
        head = "".join(f"{line}\n" for line in lines)
        return HttpResponse(response.status_code, head, bytes(body[:LARGEST]), len(body) <= LARGEST)


def problem_of(answer: HttpResponse, request: HttpRequest) -> str:
    """What is not as expected; empty if all is. Raises NotJudged."""
    if request.status is None and not 200 <= answer.status < 300:
        return f"status {answer.status}, not 2xx"
    if request.status is not None and answer.status != request.status:
        return f"status {answer.status}, not {request.status}"
    if request.text is not None and not _contains(answer.body.decode(errors="replace"), request.text, request.deadline):
        part = "" if answer.whole else f" (its first {LARGEST} bytes were searched)"
        return f"the body does not contain {request.text}{part}"
    return json_problem(answer, request.json) if request.json is not None else ""


def _contains(body: str, wanted: str, deadline: float) -> bool:
    pattern = pattern_of(wanted)
    if pattern is None:
        return wanted in body
    # A little less than is left: whoever ends this process at the deadline could not say why.
    seconds = min(LONGEST, max(0.05, 0.9 * (deadline - time.monotonic())))
    try:
        with within(seconds):
            return re.search(pattern, body, re.MULTILINE) is not None
    except TookTooLong as error:
        problem = f"the pattern {wanted} did not finish within {seconds:.3g} s, searching the body"
        raise NotJudged(problem) from error


def json_problem(answer: HttpResponse, wanted: object) -> str:
    if not answer.whole:
        return f"the body is larger than {LARGEST} bytes"
    try:
        given = msgspec.json.decode(answer.body)
        difference = json_difference(wanted, given)
    except msgspec.DecodeError as error:
        return f"the body is no JSON: {error}"
    except RecursionError:
        return "the JSON of the body is nested too deeply to be read"
    return f"in the JSON of the body, {difference}" if difference else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
