"""The program of an HTTP step: `python -I -m penguin.orchestration.execution.http_step REQUEST.json`.

It is a process like every other step, so time-outs, cancellation and adoption work the same. The response goes to
standard output; the reason why it is not as expected goes to standard error. Exit codes: 0, as expected; 1, not as
expected; 2, the request could not be read; 3, the response could not be checked within the limits.
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

from penguin.orchestration.core.regex import pattern_of
from penguin.orchestration.execution.check_process.resource_limits import (
    LONGEST,
    MEMORY,
    NOT_JUDGED,
    TookTooLong,
    limit_memory,
    within,
)
from penguin.orchestration.execution.output_matching import json_difference

LARGEST = 4_000_000
"""Bytes of a response's body that are read."""
PAUSE = 0.1
"""Seconds between two requests."""
LOCAL = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class HttpRequest(Struct, frozen=True, kw_only=True):
    """The request to send, and the expected response."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str | None = None
    status: int | None = None
    """None: any status of 200 to 299."""
    json: object = None
    text: str | None = None
    """Text that the body must contain, or a /regex/ that must match in it."""
    within: float = 0.0
    """Seconds during which to repeat the request."""
    timeout: float
    """Time-out of one request, in seconds."""
    deadline: float = math.inf
    """When the step is ended, on the monotonic clock."""


class HttpResponse(Struct, frozen=True):
    """A response, as far as it was read."""

    status: int
    head: str
    body: bytes
    whole: bool


class NotJudged(Exception):
    """A limit was reached while checking a response; the message says which."""


def main(path: str) -> int:
    try:
        request = msgspec.json.decode(Path(path).read_bytes(), type=HttpRequest)
    except (OSError, msgspec.DecodeError) as error:
        print(f"the request can't be read: {error}", file=sys.stderr)  # noqa: T201 - its output is the evidence
        return 2
    limit_memory()
    try:
        response, problem = request_until_expected(request)
    except NotJudged as error:
        sys.stderr.write(str(error))
        return NOT_JUDGED
    except MemoryError:
        sys.stderr.write(f"checking the response needs more than {MEMORY >> 20} MB of memory")
        return NOT_JUDGED
    if response:
        sys.stdout.write(response.head + "\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(response.body)
        sys.stdout.flush()
    sys.stderr.write(problem)
    return 1 if problem else 0


def request_until_expected(request: HttpRequest) -> tuple[HttpResponse | None, str]:
    """Send the request until the response is as expected or time is up. Return the last response and its problem."""
    give_up = time.monotonic() + request.within
    # Requests of a recipe stay on this machine or network, so ignore the proxy of the environment.
    with httpx.Client(timeout=request.timeout, mounts=dict.fromkeys(LOCAL)) as client:
        while True:
            response, problem = attempt(client, request)
            if not problem or time.monotonic() + PAUSE > give_up:
                return response, problem
            time.sleep(PAUSE)


def attempt(client: httpx.Client, request: HttpRequest) -> tuple[HttpResponse | None, str]:
    """Send one request. Return the response and its problem. Raises NotJudged."""
    try:
        response = send_request(client, request)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return None, f"no response from {request.url}: {error or type(error).__name__}"
    return response, problem_of(response, request)


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


def problem_of(response: HttpResponse, request: HttpRequest) -> str:
    """Return what is not as expected; empty if all is. Raises NotJudged."""
    if request.status is None and not 200 <= response.status < 300:
        return f"status {response.status}, not 2xx"
    if request.status is not None and response.status != request.status:
        return f"status {response.status}, not {request.status}"
    if request.text is not None and not _contains(
        response.body.decode(errors="replace"), request.text, request.deadline
    ):
        part = "" if response.whole else f" (its first {LARGEST} bytes were searched)"
        return f"the body does not contain {request.text}{part}"
    return json_problem(response, request.json) if request.json is not None else ""


def _contains(body: str, expected: str, deadline: float) -> bool:
    pattern = pattern_of(expected)
    if pattern is None:
        return expected in body
    # Stop a little earlier than the process is killed, to be able to report why.
    seconds = min(LONGEST, max(0.05, 0.9 * (deadline - time.monotonic())))
    try:
        with within(seconds):
            return re.search(pattern, body, re.MULTILINE) is not None
    except TookTooLong as error:
        problem = f"the pattern {expected} did not finish within {seconds:.3g} s, searching the body"
        raise NotJudged(problem) from error


def json_problem(response: HttpResponse, expected: object) -> str:
    if not response.whole:
        return f"the body is larger than {LARGEST} bytes"
    try:
        actual = msgspec.json.decode(response.body)
        difference = json_difference(expected, actual)
    except msgspec.DecodeError as error:
        return f"the body is not JSON: {error}"
    except RecursionError:
        return "the JSON of the body is nested too deeply"
    return f"in the JSON of the body, {difference}" if difference else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
