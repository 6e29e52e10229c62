"""Load on the server: `python -m tests.benchmarks.serving_load`, from the project's root.

One run measures, on one machine: the SavedModel called directly by as many threads as there are
clients; the server with these clients; the server's memory over many requests. Prints JSON.
"""

import base64
import http.client
import json
import os
import pathlib
import threading
import time

import numpy as np
import tensorflow as tf

from oneshot_tf.data import glyphs
from tests.benchmarks.memory import megabytes
from tests.serving.live import process

EXPORT = pathlib.Path(__file__).resolve().parents[2] / "pretrained" / "matching_omniglot"
NAME, WAY = "matching_omniglot", 5
PATH = f"/v1/models/{NAME}:predict"


def make_requests(count):
    """`count` questions of 5 ways and 1 shot: [{"support_bytes", "support_labels", "query_bytes"}]."""
    dataset = glyphs.build(40, glyphs.SIZE, 1)
    random, found = np.random.default_rng(0), []
    for _ in range(count):
        classes = random.choice(40, WAY, replace=False)
        own, asked = random.choice(glyphs.DRAWINGS, 2, replace=False)
        which = [20 * c + own for c in classes] + [20 * classes[random.integers(WAY)] + asked]
        files = [tf.io.encode_png(255 - dataset.images[i]).numpy() for i in which]
        found.append(
            {"support_bytes": files[:-1], "support_labels": list(range(WAY)), "query_bytes": files[-1:]}
        )  # fmt: skip
    return found


def in_threads(count, run):
    """Seconds that `count` threads take for `run(i)` each; an error in one of them is raised."""
    errors = []

    def guarded(i):
        try:
            run(i)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - start


def direct(questions, clients, each):
    """(requests a second of the SavedModel itself, its answer to each question)."""
    loaded = tf.saved_model.load(str(EXPORT / "1"))
    function = loaded.signatures["classify_encoded"]

    def ask(question):
        labels = tf.constant(question["support_labels"], tf.int64)
        files = {n: tf.constant(question[n]) for n in ("support_bytes", "query_bytes")}
        return function(support_labels=labels, **files)["probabilities"].numpy()

    answers = [ask(question) for question in questions]  # the first calls take longer
    seconds = in_threads(clients, lambda i: [ask(questions[(i + k) % len(questions)]) for k in range(each)])  # fmt: skip
    return clients * each / seconds, answers


def bodies_of(questions):
    """The questions as bodies of requests."""
    found = []
    for question in questions:
        files = {n: [{"b64": base64.b64encode(f).decode()} for f in question[n]] for n in ("support_bytes", "query_bytes")}  # fmt: skip
        inputs = {**files, "support_labels": question["support_labels"]}
        found.append(json.dumps({"signature_name": "classify_encoded", "inputs": inputs}).encode())
    return found


def served(port, bodies, answers, clients, each):
    """(requests a second, milliseconds of each request); every answer is compared."""
    took = []

    def run(i):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for k in range(each):
            which = (i + k) % len(bodies)
            start = time.perf_counter()
            connection.request("POST", PATH, bodies[which])
            response = connection.getresponse()
            text = response.read()
            took.append(1000 * (time.perf_counter() - start))
            assert response.status == 200, text
            found = np.array(json.loads(text)["outputs"]["probabilities"], np.float32)
            np.testing.assert_array_equal(found, answers[which])
        connection.close()

    seconds = in_threads(clients, run)
    assert len(took) == clients * each
    return clients * each / seconds, took


def measure(clients=8, each=500, many=10_000):
    """{name: number} of the whole run.

    Args:
      clients: how many ask at once.
      each: requests of each.
      many: requests over which the memory is watched.
    """
    questions = make_requests(50)
    rate, answers = direct(questions, clients, each)
    with process(f"--export={EXPORT}") as server:
        bodies = bodies_of(questions)
        served(server.port, bodies, answers, clients, max(1, each // 10))
        through, took = served(server.port, bodies, answers, clients, each)
        before = megabytes(server.running.pid)
        served(server.port, bodies, answers, clients, many // clients)
        after = megabytes(server.running.pid)
    return {
        "clients": clients,
        "requests": clients * each,
        "direct_per_second": round(rate, 1),
        "served_per_second": round(through, 1),
        "served_to_direct": round(through / rate, 3),
        "p50_ms": round(float(np.percentile(took, 50)), 1),
        "p99_ms": round(float(np.percentile(took, 99)), 1),
        "memory_requests": many,
        "memory_before_mb": round(before),
        "memory_growth_mb": round(after - before, 1),
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
