"""Where a run reports: terminal, `metrics.jsonl`, TensorBoard."""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tqdm import tqdm

from oneshot_tf.errors import UserError
from oneshot_tf.files import write_text


class Log:
    """Writes scalars and pictures of a run to all three places.

    Args:
      workdir: the run's folder.
      total: episodes in all, for the progress bar.
      start: episodes seen before; later lines of `metrics.jsonl` are dropped, since those
        episodes will be trained again.
      quiet: no numbers on the terminal.
      silent: nothing at all.
    """

    def __init__(self, workdir, total, start, quiet=False, silent=False):
        workdir = pathlib.Path(workdir)
        self._path = workdir / "metrics.jsonl"
        self._keep_until(start)
        self._file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115 (closed by close)
        self._writers = {
            part: tf.summary.create_file_writer(str(workdir / "tensorboard" / part))
            for part in ("train", "validation")
        }
        plain = quiet or silent or not sys.stderr.isatty()
        self._bar = tqdm(total=total, initial=start, unit="ep", disable=plain)
        self._quiet, self._silent = quiet or silent, silent
        self._total = total

    def _keep_until(self, episode):
        if not self._path.is_file():
            return
        lines = read_metrics(self._path)
        kept = [json.dumps(line) + "\n" for line in lines if line["episode"] <= episode]
        write_text(self._path, "".join(kept))

    def record(self, part, episode, scalars, by_presentation=None):
        """One line of numbers.

        Args:
          part: "train" or "validation".
          episode: episodes seen.
          scalars: {name: float}.
          by_presentation: accuracies in percent, or None.
        """
        line = {"kind": part, "episode": episode, **scalars}
        if by_presentation is not None:
            line["by_presentation"] = [round(float(a), 3) for a in by_presentation]
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        with self._writers[part].as_default(step=episode):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
            for i, value in enumerate(by_presentation if by_presentation is not None else []):
                if np.isfinite(value):
                    tf.summary.scalar(f"presentation/{i + 1:02d}", value)
        self._show(part, episode, scalars, by_presentation)

    def _show(self, part, episode, scalars, by_presentation):
        if self._quiet:
            return
        words = [f"loss {scalars['loss']:.3f}"] if "loss" in scalars else []
        words.append(f"accuracy {scalars['accuracy']:.1f} %")
        if "perplexity" in scalars:
            words.append(f"perplexity {scalars['perplexity']:.2f}")
        if by_presentation is not None and len(by_presentation) > 1:
            shown = [i for i in (0, 1, 4, 9) if i < len(by_presentation)]
            words.append(" ".join(f"{i + 1}:{by_presentation[i]:.1f}" for i in shown))
        if "episodes_per_second" in scalars:
            words.append(f"{scalars['episodes_per_second']:.0f} episodes/s")
        text = ", ".join(words)
        if self._bar.disable:
            print(f"{part:>10} {episode:>9,} / {self._total:,}: {text}", flush=True)
        elif part == "train":
            self._bar.set_postfix_str(text)
            self._bar.update(episode - self._bar.n)
        else:
            self._bar.write(f"{part} {episode:,}: {text}")

    def say(self, text):
        """A line for a person."""
        if not self._bar.disable:
            self._bar.write(text)
        elif not self._silent:
            print(text, flush=True)

    def pictures(self, part, episode, images):
        """{name: uint8 [H, W, 3]} for TensorBoard."""
        with self._writers[part].as_default(step=episode):
            for name, image in images.items():
                tf.summary.image(name, image[None])

    def close(self):
        self._bar.close()
        self._file.close()
        for writer in self._writers.values():
            writer.close()


TRAIN_OPTIONS = ("seed", "episodes", "batch_size", "way", "shot", "optimizer", "learning_rate")
TRAIN_OPTIONS += ("schedule", "warmup", "clip_norm", "weight_decay", "precision")
DATA_OPTIONS = ("dataset", "split", "image_size", "rotations", "max_rotation", "max_shift", "bold")


def write_hparams(workdir, config):
    """What the run is made of, for TensorBoard's HParams tab: `tensorboard --logdir=runs`.

    The tab itself adds the run's scalars, such as validation accuracy.

    Args:
      workdir: the run's folder.
      config: `RunConfig`.
    """
    fields = config.to_json()
    values = {"model": config.model, "config": config.name}
    values |= {name: fields["data"][name] for name in DATA_OPTIONS}
    values |= {name: fields["train"][name] for name in TRAIN_OPTIONS}
    values |= fields["options"]
    values = {name: "default" if value is None else value for name, value in values.items()}
    workdir = pathlib.Path(workdir)
    folder = workdir / "tensorboard"
    # one file of this kind a run, however often it is resumed
    if not any(folder.glob("events.*.hparams")):
        writer = tf.summary.create_file_writer(str(folder), filename_suffix=".hparams")
        with writer.as_default():
            hparams.hparams(values, trial_id=workdir.resolve().name)
        writer.close()


def read_metrics(path):
    """The lines of a `metrics.jsonl`; a last line that a crash cut short is left out.

    Raises:
      UserError: any other line is no JSON.
    """
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    found = []
    for i, line in enumerate(lines):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            if i + 1 < len(lines):
                raise UserError(
                    f"{path}, line {i + 1}, is not JSON; restore or delete it"
                ) from None
    return found
