"""The models that a server offers: versions in numbered folders, of which the newest answers."""

import io
import pathlib
import threading
import typing

import numpy as np
import tensorflow as tf
from PIL import Image

from oneshot_tf.errors import UserError
from oneshot_tf.serving import model as models
from oneshot_tf.serving.rest_values import RequestError

_WARMED = {"classify", "classify_encoded", "sequence"}


class Version(typing.NamedTuple):
    """One export, loaded.

    Attributes:
      number: of its folder.
      path: its folder.
      functions: {signature: function of tensors by name}.
      definitions: {signature: `SignatureDef`}.
      inputs: {signature: {name: `tf.TensorSpec`}}.
      fields: what its `export.json` says; {} of a SavedModel from elsewhere.
      loaded: keeps its weights alive.
    """

    number: int
    path: pathlib.Path
    functions: dict
    definitions: dict
    inputs: dict
    fields: dict
    loaded: typing.Any


class Served:
    """A model by its name: the newest version that is in its folder and can be loaded.

    Args:
      name: as requests name it.
      folder: an export, or the folder of numbered ones.

    Raises:
      UserError: there is none, or the newest cannot be loaded.
    """

    def __init__(self, name, folder):
        self.name = name
        path = models.find_export(folder)
        self._fixed = path if path == pathlib.Path(folder) else None
        self._parent = path.parent
        # {number: (what was wrong, its files then)}, so that no broken version is tried again as it is
        self._failed = {}
        self._gone = []
        self._lock = threading.Lock()
        self.current = load(path)

    def version(self, number=None):
        """The `Version` of a number, or the newest.

        Raises:
          RequestError: 404.
        """
        current = self.current
        if number is not None and number != current.number:
            raise RequestError(
                f"Servable not found for request: Specific({self.name}, {number})", 404
            )
        return current

    def refresh(self):
        """Loads the newest version if it is not loaded yet. Returns lines that say what happened."""
        if self._fixed is not None:
            return []
        with self._lock:
            there = sorted(numbers(self._parent), reverse=True)
            # a version that failed may have been half copied, or written anew
            self._failed = {
                n: (why, files)
                for n, (why, files) in self._failed.items()
                if n in there and files == _files(self._parent / str(n))
            }
            wanted = next((n for n in there if n not in self._failed), None)
            before = self.current
            if wanted in (None, before.number):
                return []
            files = _files(self._parent / str(wanted))
            try:
                self.current = load(self._parent / str(wanted))
            except UserError as error:
                why = str(error)
                self._failed[wanted] = why, files
                return [
                    f"{self.name}: version {wanted} cannot be loaded ({why}); "
                    f"version {before.number} goes on"
                ]
            self._gone.append(before.number)
            return [f"{self.name}: version {wanted} takes the place of {before.number}"]

    def status(self, number=None):
        """What the API says of its versions: [{"version", "state", "status"}], newest first.

        Raises:
          RequestError: 404, no such version was ever there.
        """
        found = dict.fromkeys(self._gone, ("END", "OK", ""))
        found |= {n: ("END", "UNKNOWN", why) for n, (why, _) in self._failed.items()}
        found[self.current.number] = ("AVAILABLE", "OK", "")
        if number is not None and number not in found:
            raise RequestError(f"Could not find version {number} of model {self.name}", 404)
        wanted = sorted(found, reverse=True) if number is None else [number]
        return [
            {
                "version": str(n),
                "state": found[n][0],
                "status": {"error_code": found[n][1], "error_message": found[n][2]},
            }
            for n in wanted
        ]

    @property
    def path(self):
        """The folder of the newest."""
        return self.current.path

    @property
    def fields(self):
        """What its `export.json` says."""
        return self.current.fields


class Described:
    """A model that another server offers: no more than what its export says of it.

    Args:
      name: as requests name it.
      folder: its export here.

    Raises:
      UserError: there is none.
    """

    def __init__(self, name, folder):
        self.name, self.path = name, models.find_export(folder)
        self.fields = models.read_fields(self.path)

    def version(self, number=None):
        """None is served here: 404."""
        raise RequestError(f"Servable not found for request: {self.name} is served elsewhere", 404)

    def status(self, number=None):
        """As of `version`."""
        return self.version(number)

    def refresh(self):
        """Nothing changes."""
        return []


def card(model):
    """The card of a `Served` or `Described`, as Markdown; "" where there is none."""
    path = model.path / "model_card.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _files(folder):
    """What tells the files of a folder from other ones: {(path, bytes, time of writing)}."""
    found = set()
    for path in folder.rglob("*"):
        try:
            state = path.stat()
        except OSError:  # taken away meanwhile
            continue
        found.add((str(path), state.st_size, state.st_mtime_ns))
    return found


def numbers(parent):
    """The versions in a folder; one that is being copied has no `saved_model.pb` yet."""
    return [
        int(p.parent.name)
        for p in pathlib.Path(parent).glob("*/saved_model.pb")
        if p.parent.name.isdecimal() and (p.parent / "variables" / "variables.index").is_file()
    ]


def named(folders):
    """{name: folder} of `--export`: DIR, whose own name is taken, or NAME=DIR.

    Raises:
      UserError: two of one name.
    """
    found = {}
    for word in folders:
        name, equals, folder = word.partition("=")
        if not equals:
            name, folder = _name_of(models.find_export(word)), word
        if not name or "/" in name or ":" in name:
            raise UserError(f"--export={word} must have a name without / and :, NAME=DIR")
        if name in found:
            raise UserError(
                f"--export has two models of the name {name}; give one another, NAME={folder}"
            )
        found[name] = folder
    return found


def _name_of(path):
    """`matching_omniglot` of .../matching_omniglot/1, `flmn` of .../flmn/export/1."""
    parts = [part for part in path.resolve().parts if part != "export"]
    return parts[-2] if parts[-1].isdecimal() and len(parts) > 1 else parts[-1]


def load(path):
    """The `Version` of a folder, after it has answered a small request.

    Raises:
      UserError: it cannot be loaded.
    """
    path = pathlib.Path(path)
    try:
        return _load(path)
    except UserError:
        raise
    # of a folder that is half copied TensorFlow raises whatever it comes to
    except Exception as error:
        raise UserError(
            f"{path} cannot be loaded ({models.reason(error)}); export it again"
        ) from None


def _load(path):
    from tensorflow.python.saved_model import loader_impl

    loaded = tf.saved_model.load(str(path))
    graph = loader_impl.parse_saved_model(str(path)).meta_graphs[0]
    functions = dict(loaded.signatures)
    definitions = {name: graph.signature_def[name] for name in functions}
    inputs = {
        name: {n: spec(info) for n, info in definition.inputs.items()}
        for name, definition in definitions.items()
    }
    fields = models.read_fields(path) if (path / "export.json").is_file() else {}
    number = int(path.name) if path.name.isdecimal() else 1
    version = Version(number, path, functions, definitions, inputs, fields, loaded)
    warm_up(version)
    return version


def spec(info):
    """The `tf.TensorSpec` of a `TensorInfo`."""
    return tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.dtypes.as_dtype(info.dtype))


def warm_up(version):
    """Asks the signatures for pictures once: the first call of a graph takes many times as long."""
    blank = io.BytesIO()
    Image.new("L", (8, 8), 255).save(blank, "PNG")
    for name in _WARMED & set(version.inputs):
        given = {n: _blank(s, blank.getvalue()) for n, s in version.inputs[name].items()}
        version.functions[name](**given)


def _blank(spec, picture):
    shape = [1 if side is None else side for side in spec.shape.as_list()]
    if spec.dtype == tf.string:
        return tf.constant(np.full(shape, picture, object))
    return tf.zeros(shape, spec.dtype)
