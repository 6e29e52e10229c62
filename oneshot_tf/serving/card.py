"""The model card of an export: what the model is, what it was measured at, how to ask it."""

import sys

from oneshot_tf import data
from oneshot_tf.episodes import ClozeEpisode, SequenceEpisode
from oneshot_tf.evaluation import papers, tables
from oneshot_tf.evaluation.paper_protocols import PROTOCOLS
from oneshot_tf.serving import asking, settings
from oneshot_tf.serving.citations import CITATIONS

ARGUMENTS = {
    "classify": (
        "`support_images` float32 [B, S, {image}], `support_labels` int64 [B, S] (-1: padding), "
        "`query_images` float32 [B, Q, {image}]",
        "`probabilities` float32 [B, Q, way], way = largest label + 1; `labels` int64 [B, Q]{attention}",
    ),
    "classify_encoded": (
        "`support_bytes` string [S], `support_labels` int64 [S], `query_bytes` string [Q]: PNG or "
        "JPEG files",
        "the same for one episode, without B",
    ),
    "sequence": (
        "`images` float32 [B, T, {image}], `labels` int64 [B, T]: the label of step t is shown to "
        "the model at t + 1; -1 is unknown",
        "`probabilities` float32 [B, T, {outputs}], `labels` int64 [B, T]{weights}",
    ),
    "classify_text": (
        "`support_text` string [S], `support_labels` int64 [S] (-1: padding), `query_text` string [Q]: "
        "sentences with one `<blank_token>` each",
        "`probabilities` float32 [Q, way], way = largest label + 1; `labels` int64 [Q]",
    ),
    "choose_word": (
        "`query_text` string [Q]: sentences with a `<blank_token>`, `words` string [K]",
        "`log_likelihoods` float32 [Q, K] of the sentence with each word in its blank, "
        "`probabilities` float32 [Q, K], their softmax, `labels` int64 [Q]",
    ),
    "embed_text": ("`text` string [N]", "`embeddings` float32 [N, D]"),
    "embed": ("`images` float32 [N, {image}]", "`embeddings` float32 [N, D]"),
    "reconstruct": (
        "`images` float32 [N, {image}]",
        "`images` float32 [N, {image}], made again from their content and style",
    ),
}


def text(learner, config, fields, record=None, paper=None):
    """The card as Markdown.

    Args:
      learner: the model.
      config: its `RunConfig`.
      fields: what `export.json` says: "signatures", "trained", "split", "versions", "commit", ...
      record: a record of this very checkpoint, or None.
      paper: the `RunConfig` of the paper's text, or None.
    """
    parts = [
        _head(learner, config),
        _data(learner, config, fields),
        settings.text(learner, config, paper),
        _accuracy(record),
        _signatures(learner, fields),
        asking.text(learner, fields["signatures"]),
        _limits(learner, config, fields),
        _origin(config, fields),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _head(learner, config):
    about = sys.modules[type(learner).__module__].__doc__.strip().splitlines()[0]
    citation = CITATIONS.get(config.model, about)
    weights = sum(w.shape.num_elements() for w in learner.trainable_variables)
    return f"""# {config.name}

{about}

- Paper: {citation}.
- {_task(learner)} No training, no state between requests.
- {weights:,} weights; {_examples(learner)}."""


def _task(learner):
    """What it does, in a sentence or two."""
    if ClozeEpisode in learner.answers:
        return """No one-shot learning, but its upper bound: it knows all words from its training, and says
  which of some words belongs in the blank of a sentence."""
    thing = "sentence" if learner.vocabulary else "picture"
    return f"""One-shot classification: a few labelled {thing}s of classes it has never seen come with the
  request, and it says which of them a {thing} belongs to."""


def _examples(learner):
    """What it reads."""
    if learner.vocabulary:
        return f"sentences of {learner.vocabulary:,} words"
    return f"pictures of {_image(learner)} (height, width, channels)"


def _data(learner, config, fields):
    split, trained = fields["split"], fields["trained"]
    train, validation, test = split["classes"]
    said = " The validation classes were trained on as well."
    both = said if config.train.train_on_validation else ""
    return f"""## Data

- Trained on {config.data.dataset}, split `{split["name"]}`: {train} classes to train, {validation} to \
validate, {test} to test; SHA-256 `{split["sha256"]}`.{both}
- Pictures: SHA-256 `{fields["pictures_sha256"]}`.
- {_training(learner, config, trained)}; checkpoint `{trained["checkpoint"]}`.
- Licence of the data: {_licence(config)}."""


def _training(learner, config, trained):
    """What it was trained on, in words."""
    return f"{trained['episodes']:,} {learner.examples(config.train)}"


def _licence(config):
    return data.find(config.data.dataset).licence


def _accuracy(record):
    if record is None:
        return "## Accuracy\n\nNot measured: no record of a test belongs to this checkpoint."
    protocol, paper = record["protocol"], record["paper"] or {}
    rows = [
        f"| {key} | {value['mean']:.2f} | {value['ci95']:.2f} | {paper.get(key, '')} |"
        for key, value in record["accuracy"].items()
    ]
    kind = "presentation" if protocol["kind"] == "sequence" else "way, shot"
    return (
        f"""## Accuracy

In percent, on {record["dataset"]}, {protocol.get("part", "test")} classes: {protocol["episodes"]} episodes, \
protocol `{protocol["kind"]}`{tables.note(record)}, seed {protocol["seed"]}; the whole record is `record.json`.

| {kind} | mean | 95 % interval, +- | printed in the paper |
|---|---|---|---|
"""
        + "\n".join(rows)
        + _paper_protocol(record)
    )


def _paper_protocol(record):
    """What the paper's figures beside ours were measured on."""
    row = (papers.row_of(record) or "").partition("#")[0].partition("@")[0]
    if row not in PROTOCOLS:
        return ""
    return f"\n\nThe paper's figures: {PROTOCOLS[row].words}."


def _signatures(learner, fields):
    names = fields["signatures"]
    shown = {"image": _image(learner), "outputs": _outputs(learner), **_explained(learner, fields)}
    rows = [
        f"| `{name}` | {ARGUMENTS[name][0].format(**shown)} | {ARGUMENTS[name][1].format(**shown)} |"
        for name in names
        if name in ARGUMENTS
    ]
    known = ("classify", "sequence", "classify_text", "choose_word")
    same = next(name for name in known if name in names)
    return "\n".join(
        [
            f"## Signatures\n\n`serving_default` is `{same}`. B, S, Q, T and N are free.\n",
            "| signature | arguments | returns |",
            "|---|---|---|",
            *rows,
        ]
    )


def _limits(learner, config, fields):
    if learner.vocabulary:
        return _limits_of_sentences(config, fields)
    size = " x ".join(str(side) for side in learner.image_shape[:2])
    kind = "Gray, ink 1 on paper 0" if learner.image_shape[2] == 1 else "RGB in [0, 1]"
    lines = [
        "## Limits",
        "",
        *_answering(fields),
        f"- Made for pictures like those of {config.data.dataset}; on others it guesses, and the "
        "probabilities do not say so.",
        f"- {kind}, {size} pixels. Picture files are padded to a square and resized; gray ones are "
        f"inverted where the border is bright (`ink` {config.data.ink}); EXIF turns are not followed.",
        *_framing(config),
    ]
    if learner.fixed_way and SequenceEpisode in learner.answers:
        lines += [
            f"- At most {learner.num_labels:,} labels, as trained. The support is read in its order: "
            "mix the classes, and show several pictures of each where there are.",
        ]
    return "\n".join(lines)


def _framing(config):
    framing = data.find(config.data.dataset).framing
    part = framing(config.data) if framing else None
    if part is None:
        return []
    return [
        f"- It was trained on {part} of each picture of {config.data.dataset}, and files are not cut: send "
        "pictures in which a thing is as large as there."
    ]


def _limits_of_sentences(config, fields):
    lines = [
        "## Limits",
        "",
        *_answering(fields),
        f"- Made for sentences like those of {config.data.dataset}; of others, most words may be "
        "unknown to it, and the probabilities do not say so.",
        "- Words have a space between them, stops and commas are left out; large letters are read as "
        "small ones, numbers as `N`, unknown words as `<unk>`.",
    ]
    return "\n".join(lines)


def _answering(fields):
    """What is said of an export that does more within the request than the plain model."""
    lines, finetune, views = [], fields.get("finetune"), fields.get("views")
    if fields.get("adds_up"):
        lines.append(
            "- What all examples of a class say is added up, so a class with more examples than the others "
            "is answered more often: give every class as many."
        )
    if fields.get("bn") == "batch":
        lines.append(
            "- Batch norm is by the statistics of all pictures of a request: an answer depends on the "
            "queries beside it, and a query alone is often answered wrongly. Ask with many, of all classes."
        )
    how = {"own": "its usual comparison", "softmax": "a softmax made for the request"}
    if finetune:
        lines.append(
            f"- Every request is answered after {finetune['steps']} steps of Adam (rate "
            f"{finetune['rate']}) on its own support, by {how[finetune['match']]}; nothing of it is kept, "
            "and it takes as much longer."
        )
    if views:
        mirrored = " and the mirror images of these" if views == 8 else ""
        lines.append(
            f"- Every answer is the mean over {views} views of the pictures, their quarter turns{mirrored}, "
            "and takes as much longer."
        )
    return lines


def _origin(config, fields):
    versions = ", ".join(f"{name} {version}" for name, version in fields["versions"].items())
    return f"""## Origin

- Config `{config.name}`, seed {config.train.seed}; trained at commit \
{fields["trained"].get("commit") or "unknown"}.
- Exported at commit {fields["commit"] or "unknown"} with {versions}."""


def _image(learner):
    return ", ".join(str(size) for size in learner.image_shape)


def _explained(learner, fields):
    """What `attention` and `weights` stand for in `ARGUMENTS`."""
    attends = "attention" in learner.explains and fields.get("finetune") is None
    weighs = "read_weights" in learner.explains
    return {
        "attention": "; `attention` float32 [B, Q, S]" if attends else "",
        "weights": "; `read_weights`, `write_weights` float32 [B, T, heads, N]" if weighs else "",
    }


def _outputs(learner):
    return str(learner.way) if learner.num_labels == learner.way else "5, 5"
