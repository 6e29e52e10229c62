"""How to query an export: a request for a server, and a few lines of Python."""

import base64
import json


def text(learner, names):
    """The part of a card that says how to send a request, as Markdown."""
    signature, shown, inputs = _request(learner, names)
    body = {"signature_name": signature, "inputs": inputs}
    lines = ["## Asking", "", "With TensorFlow Serving, in the folder that holds `1/`:", "", "```"]
    lines += [
        f'docker run -p 8501:8501 -v "$PWD:/models/{learner.name}" -e MODEL_NAME={learner.name} '
        "tensorflow/serving",
        f"curl -d @request.json http://localhost:8501/v1/models/{learner.name}:predict",
    ]
    lines += ["```", "", f"`request.json`, {shown}:", "", "```json", json.dumps(body, indent=2)]
    lines += ["```", "", "In Python, with nothing but TensorFlow:", "", "```python"]
    return "\n".join([*lines, *_python(names), "```"])


def _request(learner, names):
    """(signature, what its request shows, the request's inputs) of the first signature it has."""
    png = {"b64": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode() + "..."}
    image = "x".join(str(size) for size in learner.image_shape)
    requests = [
        (
            "classify_encoded",
            "with two pictures to learn from and one to name",
            {"support_bytes": [png, png], "support_labels": [0, 1], "query_bytes": [png]},
        ),
        (
            "classify_text",
            "two sentences with a blank to learn from and one to fill",
            {
                "support_text": ["he sold <blank_token> of stock", "it <blank_token> in march"],
                "support_labels": [0, 1],
                "query_text": ["she bought <blank_token> of bonds"],
            },
        ),
        (
            "choose_word",
            "a sentence with a blank and two words for it",
            {"query_text": ["she bought <blank_token> of bonds"], "words": ["lots", "march"]},
        ),
        (
            "sequence",
            f'"..." being a picture of {image} numbers',
            {"images": [["..."]], "labels": [[-1]]},
        ),
    ]
    return next((request for request in requests if request[0] in names), requests[-1])


def _python(names):
    calls = {
        "classify": "support_images=s, support_labels=y, query_images=q",
        "classify_text": "support_text=s, support_labels=y, query_text=q",
        "choose_word": "query_text=q, words=w",
        "sequence": "images=x, labels=y",
    }
    name = next((name for name in calls if name in names), "sequence")
    return [
        "import tensorflow as tf",
        "",
        'model = tf.saved_model.load("1")',
        f'answer = model.signatures["{name}"]({calls[name]})["probabilities"]',
    ]
