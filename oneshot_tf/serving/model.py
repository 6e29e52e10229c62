"""A trained model that answers from Python: of an export, or of a learner in memory.

Both answer by the same graphs, the signatures of `serving/signatures.py`, with the same checks.
"""

import json
import os
import pathlib
import re
import typing

import numpy as np
from PIL import Image

from oneshot_tf.data import archives, pictures
from oneshot_tf.errors import UserError
from oneshot_tf.files import refuse_pattern
from oneshot_tf.run_config import DataOptions

_CHECK = re.compile(r"assertion failed: \[(.*?)\]\s*\n", re.DOTALL)  # of `decoding.require`
_WHERE = ("Graph execution error", "Detected at node", "<stack traces", "File ", "[[{{")
_CHANNELS = {(), (1,), (3,), (4,)}  # of a uint8 array: gray, colour, or with transparency
AT_ONCE = 64  # queries of one request: bounds the memory


class Answers(typing.NamedTuple):
    """What a model says of some queries.

    Attributes:
      labels: the likeliest label of each, as the support's labels were given.
      probabilities: float32 [Q, way].
      classes: the label of each column of `probabilities`.
    """

    labels: list
    probabilities: np.ndarray
    classes: list


class Model:
    """A model that classifies by a few examples; nothing is remembered between calls.

    Args:
      functions: {signature: function of tensors by name}.
      options: `DataOptions` that pictures are prepared by.
      fixed_way: the most classes that it can tell apart, or None.
      name: what errors call it.
      bn: whose statistics normalise its answers; "batch" is all pictures of a request.

    Attributes:
      signatures: what it can be asked, as behind TensorFlow Serving.
      image_shape: (height, width, channels) of the pictures it takes.
    """

    def __init__(self, functions, options, fixed_way, name, bn="running"):
        self._functions, self._options, self._name, self._bn = functions, options, name, bn
        self.fixed_way = fixed_way
        self.signatures = tuple(sorted(set(functions) - {"serving_default"}))
        self.image_shape = (options.image_size, options.image_size, options.channels)

    def __repr__(self):
        height, width, channels = self.image_shape
        return f"<Model {self._name}: {', '.join(self.signatures)}; {height}x{width}x{channels}>"

    def classify(self, support, labels, queries) -> Answers:
        """Which of the support's classes the queries belong to.

        Args:
          support: the examples, see `prepare`.
          labels: the class of each: names, numbers, whatever can be a dictionary's key.
          queries: pictures of unknown class, see `prepare`. With `--bn=batch` the answer to one
            depends on the others.

        Returns:
          `Answers`.

        Raises:
          UserError: pictures or labels that do not fit the model or each other.
        """
        support, queries = self.prepare(support), self.prepare(queries)
        labels = list(labels)
        if len(labels) != len(support):
            raise UserError(
                f"`labels` must be one for each picture of the support. Received: {len(labels)} "
                f"labels, {len(support)} pictures"
            )
        classes = list(dict.fromkeys(labels))
        self._check_way(len(classes))
        numbers = np.array([classes.index(label) for label in labels], np.int64)
        found = []
        # of a transductive model, an answer depends on the queries beside it
        at_once = len(queries) if self._bn == "batch" else AT_ONCE
        for start in range(0, len(queries), at_once):
            answer = self.ask(
                "classify",
                support_images=support[None],
                support_labels=numbers[None],
                query_images=queries[None, start : start + at_once],
            )
            found.append(answer["probabilities"][0])
        probabilities = np.concatenate(found)
        best = np.argmax(probabilities, axis=1)
        return Answers([classes[k] for k in best], probabilities, classes)

    def embed(self, images) -> np.ndarray:
        """float32 [N, D]: how the model embeds pictures, see `prepare`."""
        return self.ask("embed", images=self.prepare(images))["embeddings"]

    def ask(self, signature, **arrays) -> dict:
        """What a signature answers, as numpy arrays: {name: array}.

        Args:
          signature: one of `signatures`.
          **arrays: its arguments, by name.

        Raises:
          UserError: it has no such signature, or refuses the arguments.
        """
        import tensorflow as tf

        if signature not in self._functions:
            raise UserError(
                f"{self._name} has no signature {signature}; it has {', '.join(self.signatures)}"
            )
        kinds = self._argument_types(signature)
        try:
            tensors = {n: tf.constant(a, kinds.get(n)) for n, a in arrays.items()}
            found = self._functions[signature](**tensors)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise UserError(f"{self._name} refuses the request: {reason(error)}") from None
        return {name: tensor.numpy() for name, tensor in found.items()}

    def _argument_types(self, signature):
        function = self._functions[signature]
        if hasattr(function, "structured_input_signature"):
            return {n: s.dtype for n, s in function.structured_input_signature[1].items()}
        return {spec.name: spec.dtype for spec in function.input_signature}

    def _check_way(self, classes):
        if "classify" not in self._functions:
            raise UserError(
                f"{self._name} does not classify pictures; it has {', '.join(self.signatures)}"
            )
        if self.fixed_way is not None and classes > self.fixed_way:
            raise UserError(
                f"`labels` must be of at most {self.fixed_way} classes, as many as {self._name} was "
                f"trained with. Received: {classes}"
            )

    def prepare(self, images) -> np.ndarray:
        """Pictures as the model takes them.

        Args:
          images: float32 [N, H, W, C] (or [N, H, W], of gray ones) in [0, 1], ink 1, at the
            model's size; these stay as they are. Or a list of paths, bytes of picture files, Pillow
            images or uint8 arrays [h, w] or [h, w, 3] of any size, as a camera or a scanner gives
            them: these are padded to a square, resized and, where gray paper is bright, inverted.

        Returns:
          float32 [N, H, W, C].
        """
        if isinstance(images, (str, bytes, os.PathLike, Image.Image)):
            kind = type(images).__name__
            raise UserError(f"Pictures must be a list of them. Received: one {kind}; write [it]")
        array = images if isinstance(images, np.ndarray) or hasattr(images, "numpy") else None
        if array is not None and np.asarray(array).dtype.kind == "f":
            return self._checked(np.asarray(array, np.float32))
        found = [self._from_file(image, i) for i, image in enumerate(images)]
        if not found:
            raise UserError("Pictures are missing. Received: none")
        return np.stack(found)

    def _checked(self, array):
        if array.ndim == 3 and self.image_shape[2] == 1:
            array = array[..., None]
        if array.ndim != 4 or array.shape[1:] != self.image_shape or not len(array):
            raise UserError(
                f"Pictures of {self._name} must have the shape {('N', *self.image_shape)}. Received: "
                f"{array.shape}; as uint8, or as files, they may have any size"
            )
        return array

    def _from_file(self, image, i):
        """float32 [H, W, C] of a path, bytes, a Pillow image or a uint8 array."""
        where = f"picture {i}"
        if isinstance(image, (str, pathlib.Path)):
            where = str(image)
            image = archives.read_file(image)
        if isinstance(image, bytes):
            array = pictures.prepare(image, where, self._options)
        else:
            array = pictures.of_image(_as_image(image, where), where, self._options)
        return array.astype(np.float32) / 255.0


def reason(error):
    """What TensorFlow says of an error, in a line: what a check of ours found, if one failed."""
    words = str(error).strip() or type(error).__name__
    found = _CHECK.search(words)
    if found:
        return found.group(1).replace("] [", " ")
    lines = [line.strip() for line in words.splitlines()]
    # of an error inside a graph, the first lines only say where
    return next((x for x in lines if x and not x.startswith(_WHERE)), lines[0])


def _as_image(image, where):
    """A loaded Pillow image of one, or of a uint8 array."""
    if isinstance(image, Image.Image):
        return pictures.loaded(image, where)
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in _CHANNELS:
        raise UserError(
            f"{where} must be a path, bytes, a Pillow image or a uint8 array [h, w] or "
            f"[h, w, 3]. Received: {array.dtype} {array.shape}"
        )
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def of_learner(learner, options, vocabulary=None):
    """The `Model` of a learner in memory.

    Args:
      learner: a built `Learner`.
      options: `DataOptions` of its training.
      vocabulary: the word of every token, of a learner that reads sentences.
    """
    from oneshot_tf.serving import signatures

    functions = signatures.Signatures(learner, options.ink, None, vocabulary).functions
    bn = learner.test_conditions()["bn"]
    return Model(functions, options, learner.fixed_way, learner.name, bn)


def of_export(path):
    """The `Model` of an export.

    Args:
      path: as of `find_export`.

    Raises:
      UserError: there is none, or it cannot be loaded.
    """
    path = find_export(path)
    options, fields = read_options(path)
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    # IndexError: of a file that is too short
    except (tf.errors.OpError, OSError, ValueError, IndexError) as error:
        words = reason(error)
        raise UserError(f"--export={path} cannot be loaded ({words}); export again") from None
    return Model(_Held(loaded), options, fields["way"], str(path), fields.get("bn", "running"))


class _Held(dict):
    """The functions of a loaded SavedModel, which live as long as it does."""

    def __init__(self, loaded):
        super().__init__(loaded.signatures)
        self._loaded = loaded


def find_export(path):
    """The folder with `saved_model.pb`: `path`, or the largest number in it or in its `export/`."""
    path = pathlib.Path(path)
    refuse_pattern(path)
    for folder in (path, path / "export"):
        if (folder / "saved_model.pb").is_file():
            return folder
        numbers = [p for p in folder.glob("*/saved_model.pb") if p.parent.name.isdecimal()]
        if numbers:
            return max((p.parent for p in numbers), key=lambda p: int(p.name))
    raise UserError(
        f"--export must be the folder of an exported model, with saved_model.pb. Received: {path}; "
        "make one with python -m oneshot_tf.export"
    )


def has_own_softmax(fields):
    """Whether an export answers by a softmax made for each request, and not by comparing its examples."""
    return fields.get("finetune", {}).get("match") == "softmax"


def read_fields(path):
    """What `export.json` says of an export."""
    try:
        return json.loads((path / "export.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}/export.json cannot be read ({error}); copy the whole folder of the export"
        ) from None


def read_options(path):
    """(`DataOptions` that pictures are prepared by, what `export.json` says)."""
    fields = read_fields(path)
    said = {name: fields[name] for name in ("image_size", "channels", "ink")}
    return DataOptions(dataset="folder", **said), fields
