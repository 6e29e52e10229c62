"""How an export is asked: a request for a server, and a few lines of Python."""

import base64
import json


def text(learner, names):
    """The part of a card that says how to send a request, as Markdown."""
    lines = ["## Asking", "", "With TensorFlow Serving, in the folder that holds `1/`:", "", "```"]
    lines += [
        f'docker run -p 8501:8501 -v "$PWD:/models/{learner.name}" -e MODEL_NAME={learner.name} '
        "tensorflow/serving",
        f"curl -d @request.json http://localhost:8501/v1/models/{learner.name}:predict",
    ]
    if "classify_encoded" in names:
        png = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode() + "..."
        body = {
            "signature_name": "classify_encoded",
            "inputs": {
                "support_bytes": [{"b64": png}, {"b64": png}],
                "support_labels": [0, 1],
                "query_bytes": [{"b64": png}],
            },
        }
        lines += ["```", "", "`request.json`, with two pictures to learn from and one to name:", ""]
        lines += ["```json", json.dumps(body, indent=2)]
    elif "classify_text" in names:
        body = {
            "signature_name": "classify_text",
            "inputs": {
                "support_text": ["he sold <blank_token> of stock", "it <blank_token> in march"],
                "support_labels": [0, 1],
                "query_text": ["she bought <blank_token> of bonds"],
            },
        }
        lines += [
            "```",
            "",
            "`request.json`, two sentences with a blank to learn from and one to fill:",
        ]
        lines += ["", "```json", json.dumps(body, indent=2)]
    elif "choose_word" in names:
        inputs = {"query_text": ["she bought <blank_token> of bonds"], "words": ["lots", "march"]}
        body = {"signature_name": "choose_word", "inputs": inputs}
        lines += ["```", "", "`request.json`, a sentence with a blank and two words for it:"]
        lines += ["", "```json", json.dumps(body, indent=2)]
    else:
        image = "x".join(str(size) for size in learner.image_shape)
        body = {"signature_name": "sequence", "inputs": {"images": [["..."]], "labels": [[-1]]}}
        lines += ["```", "", f'`request.json`, "..." being a picture of {image} numbers:', ""]
        lines += ["```json", json.dumps(body, indent=2)]
    lines += ["```", "", "In Python, with nothing but TensorFlow:", "", "```python"]
    return "\n".join([*lines, *_python(names), "```"])


def _python(names):
    if "classify" in names:
        name, call = "classify", "support_images=s, support_labels=y, query_images=q"
    elif "classify_text" in names:
        name, call = "classify_text", "support_text=s, support_labels=y, query_text=q"
    elif "choose_word" in names:
        name, call = "choose_word", "query_text=q, words=w"
    else:
        name, call = "sequence", "images=x, labels=y"
    return [
        "import tensorflow as tf",
        "",
        'model = tf.saved_model.load("1")',
        f'answer = model.signatures["{name}"]({call})["probabilities"]',
    ]
