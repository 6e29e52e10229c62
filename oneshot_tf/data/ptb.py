"""The Penn Treebank as Mikolov prepared it, for one-shot words (Vinyals et al., 2016, section 4.1.3).

A class is a word, its pictures are sentences in which every occurrence of the word is blanked. Words
that train have sentences of `ptb.train.txt`, those that validate of `ptb.valid.txt`, those that test
of `ptb.test.txt`. `<unk>` and `N` (a number) are no classes. Read from `ptb.zip` or from the three
files, under the data directory or its folder `ptb`.
"""

import dataclasses
import json
import pathlib
import random

import numpy as np

from oneshot_tf.data import archives, splits
from oneshot_tf.data.sentences import RESERVED, Sentences, encode
from oneshot_tf.data.sources import DataSource
from oneshot_tf.errors import UserError
from oneshot_tf.options import option
from oneshot_tf.run_config import DataOptions

NAME = "ptb"
FILES = {"train": "ptb.train.txt", "validation": "ptb.valid.txt", "test": "ptb.test.txt"}
TYPES = 9999  # words of the training text; with an end mark, the 10,000 that are written of
NO_CLASS = ("<unk>", "N")
VOCABULARY = TYPES + len(RESERVED)
VALIDATION_WORDS = 1000  # of those that the paper trains on, ours to validate on


@dataclasses.dataclass(frozen=True)
class PTBOptions(DataOptions):
    """Which sentences."""

    dataset: str = option("ptb", "which data set")
    max_sentences: int = option(
        500, "at most so many sentences of a word, drawn once from all that it has", low=2
    )


def load(data_dir, options):
    """The words and their sentences.

    Args:
      data_dir: the folder with the archive or the files.
      options: `PTBOptions`; `split`, `split_seed` and `max_sentences` count.

    Returns:
      `Sentences`.

    Raises:
      UserError: not there, damaged, or of other words.
    """
    texts = read(data_dir)
    vocabulary = (*RESERVED, *sorted({word for line in texts["train"] for word in line}))
    if len(vocabulary) != VOCABULARY:
        raise UserError(
            f"{FILES['train']} in {data_dir} must have {TYPES} words. Received: "
            f"{len(vocabulary) - len(RESERVED)}; get Mikolov's version of the Penn Treebank"
        )
    names = tuple(word for word in vocabulary if word not in (*RESERVED, *NO_CLASS))
    split = splits.load(splits.Named(NAME, names), options)
    starts, sentences = {}, []
    for part, lines in texts.items():
        starts[part] = len(sentences)
        sentences += lines
    rows_of = {}
    for part in FILES:
        found = _occurrences(texts[part], set(getattr(split, part)), starts[part])
        rows_of |= {word: _some(rows, options.max_sentences) for word, rows in found.items()}
    names = tuple(name for name in names if name in rows_of)  # a user's split need not name all
    rows = [rows_of[name] for name in names]
    return Sentences(
        name=NAME,
        tokens=encode(sentences, vocabulary),
        rows=np.concatenate(rows).astype(np.int32),
        offsets=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        class_names=names,
        vocabulary=vocabulary,
        parts=tuple((part, starts[part], starts[part] + len(texts[part])) for part in FILES),
    )


def read(data_dir):
    """{part: list of sentences, each a list of words}.

    Raises:
      UserError: not there, or no text.
    """
    for folder in (pathlib.Path(data_dir) / NAME, pathlib.Path(data_dir)):
        if (folder / "ptb.zip").is_file():
            contents = archives.contents(folder / "ptb.zip", FILES.values())
            return {part: _lines(c, FILES[part]) for part, c in zip(FILES, contents, strict=True)}
        if all((folder / name).is_file() for name in FILES.values()):
            return {
                part: _lines(archives.read_file(folder / f), folder / f)
                for part, f in FILES.items()
            }
    raise UserError(
        f"The Penn Treebank is not in {data_dir}; put ptb.zip there, or {', '.join(FILES.values())} "
        "of Mikolov's version, or name their folder with --data_dir=DIR"
    )


def _lines(content, where):
    try:
        lines = [line.split() for line in content.decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is no text ({error}); get it again") from None
    return [line for line in lines if line]


def _occurrences(lines, words, start):
    """{word: rows of the sentences that have it}, of all `words`."""
    found = {word: [] for word in words}
    for row, line in enumerate(lines):
        for word in set(line) & words:
            found[word].append(start + row)
    return found


def _some(rows, most):
    """At most so many of them, of all parts of the text."""
    if len(rows) <= most:
        return np.array(rows, np.int32)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False)).astype(np.int32)


def derive_split(names, test):
    """The rule behind the stored split: the paper's test words as far as they can be read.

    Args:
      names: all words that are classes.
      test: the words of the paper's list.

    Returns:
      `Split`; validation words are drawn by seed 0 from the rest.
    """
    rest = sorted(set(names) - set(test))
    random.Random(0).shuffle(rest)
    return splits.make("vinyals", rest[VALIDATION_WORDS:], rest[:VALIDATION_WORDS], test)


def stored_form(split, notes):
    """The JSON of a split, with what is known of the list it is made from."""
    fields = {"name": split.name, "sha256": split.sha256(), **notes}
    parts = {part: getattr(split, part) for part in FILES}
    return json.dumps(fields | parts, indent=1, ensure_ascii=False) + "\n"


SOURCE = DataSource(
    load,
    licence="the Penn Treebank (Marcus et al., 1993), derived from the Linguistic Data Consortium's corpus",
    Options=PTBOptions,
    defaults={"rotations": False, "test_rotations": False},
    vocabulary=VOCABULARY,
    splits=("vinyals",),
)
