"""The machines that train one model together, as `TF_CONFIG` names them."""

import contextlib
import json
import os
import re
import typing

from oneshot_tf.errors import UserError

EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


class Cluster(typing.NamedTuple):
    """The workers, and which of them this process is.

    Attributes:
      addresses: "host:port" of every worker; the first is the chief.
      number: this process's place among them.
    """

    addresses: tuple
    number: int

    @property
    def chief(self):
        """Whether this process writes the run's files."""
        return self.number == 0


def read(text=None):
    """The `Cluster` of `TF_CONFIG`.

    Args:
      text: the variable's value; None takes it from the environment.

    Raises:
      UserError: it is not set, is no JSON, or does not say who is who.
    """
    text = os.environ.get("TF_CONFIG") if text is None else text
    if not text:
        raise UserError(
            f"--strategy=multi_worker needs the variable TF_CONFIG, as in {EXAMPLE}. Received: none"
        )
    try:
        fields = json.loads(text)
        jobs = {name: tuple(addresses) for name, addresses in fields["cluster"].items()}
        kind, index = fields["task"]["type"], fields["task"]["index"]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise _malformed("JSON with `cluster` and `task`", text) from None
    if not jobs or not set(jobs) <= {"chief", "worker"} or len(jobs.get("chief", ())) > 1:
        raise _malformed("a `cluster` of `worker` addresses and at most one `chief`", text)
    places = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, ())))]
    addresses = jobs.get("chief", ()) + jobs.get("worker", ())
    if not all(isinstance(a, str) and re.fullmatch(r".+:\d+", a) for a in addresses):
        raise _malformed("addresses as host:port", text)
    if len(set(addresses)) < len(addresses):
        raise _malformed("an address of its own for every worker", text)
    if (kind, index) not in places or isinstance(index, bool):
        raise _malformed("a `task` that is one of `cluster`", text)
    return Cluster(addresses, places.index((kind, index)))


def _malformed(wanted, text):
    words = " ".join(str(text).split())
    return UserError(f"TF_CONFIG must be {wanted}, as in {EXAMPLE}. Received: {words}")


@contextlib.contextmanager
def one_line_losses(lost):
    """Turns TensorFlow's errors about a lost worker into one line.

    Args:
      lost: the exception classes that mean so; empty where there are no other workers.

    Raises:
      UserError: in place of one of them.
    """
    try:
        yield
    except lost as error:
        raise UserError(
            f"Another worker has ended or cannot be reached ({reason(error)}); the run is kept as "
            "the first worker saved it: start the same command on every worker to go on"
        ) from None


def reason(error):
    """The line of a TensorFlow error that says what happened."""
    lines = str(error).splitlines()
    named = [line.partition("aborted by:")[2] for line in lines if "aborted by:" in line]
    first = [line for line in lines if line.strip() and line != "Graph execution error:"]
    words = (named or first or [type(error).__name__])[0].strip()
    return words.partition(". ")[0][:200]
