"""Embeddings for TensorBoard's projector: points, their classes, and a sheet of their pictures."""

import pathlib

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from oneshot_tf.errors import UserError
from oneshot_tf.files import replacing, write_text

CLASSES, PICTURES = 25, 20  # classes, and pictures of each, at most
SIDE = 64  # pixels of a picture on the sheet at most: TensorBoard reads sheets of up to 8192
FOLDER = pathlib.Path("tensorboard") / "projector"


def choose(dataset, classes=CLASSES, pictures=PICTURES):
    """Some pictures of some classes, the classes spread evenly over the data set.

    Args:
      dataset: `Dataset`.
      classes: how many classes at most.
      pictures: how many pictures of each at most.

    Returns:
      (uint8 [n, H, W, C], [n names of classes]).
    """
    count = min(classes, dataset.num_classes)
    chosen = np.arange(count) * dataset.num_classes // count
    sizes = np.minimum(dataset.class_sizes[chosen], pictures)
    starts = dataset.offsets[chosen]
    rows = [np.arange(at, at + size) for at, size in zip(starts, sizes, strict=True)]
    names = np.repeat([dataset.class_names[c] for c in chosen], sizes)
    return dataset.images[np.concatenate(rows)], names.tolist()


def write(workdir, embeddings, labels, images):
    """Writes a run's `tensorboard/projector` and replaces what was there.

    Args:
      workdir: the run's folder.
      embeddings: float [n, D].
      labels: n names of classes.
      images: [n, H, W, C], uint8 or float in [0, 1]; ink is 255 or 1 where C is 1.

    Raises:
      UserError: the folder cannot be written.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if not len(embeddings) == len(labels) == len(images) or embeddings.ndim != 2:
        raise ValueError(
            "`embeddings` must be [n, D], with n labels and images. "
            f"Received: {embeddings.shape}, {len(labels)} labels, {len(images)} images"
        )
    folder = pathlib.Path(workdir) / FOLDER
    sheet, side = sprite(images)
    rows = ("\t".join(f"{x:.5g}" for x in row) for row in embeddings)
    write_text(folder / "tensors.tsv", "".join(f"{row}\n" for row in rows))
    # one column has no header; a tab in a name would make it two
    write_text(folder / "metadata.tsv", "".join(f"{' '.join(x.split())}\n" for x in labels))
    try:
        with replacing(folder / "sprite.png", "wb") as file:
            Image.fromarray(sheet).save(file, "PNG")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror})") from None
    write_text(folder / "projector_config.pbtxt", config(embeddings.shape, side))
    # TensorBoard looks only into folders with a file of events
    if not any(folder.glob("events.*")):
        tf.summary.create_file_writer(str(folder)).close()


def config(shape, side):
    """The text of projector_config.pbtxt; paths are relative to it.

    Args:
      shape: (n, D) of the embeddings.
      side: (height, width) of a picture on the sheet.
    """
    made = ProjectorConfig()
    embedding = made.embeddings.add()
    embedding.tensor_name = "embedding"
    embedding.tensor_shape.extend(map(int, shape))
    embedding.tensor_path = "tensors.tsv"
    embedding.metadata_path = "metadata.tsv"
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([side[1], side[0]])
    return text_format.MessageToString(made)


def sprite(images):
    """A square sheet of all pictures, row by row, as a person expects them: black ink on white.

    Args:
      images: [n, H, W, C], uint8 or float in [0, 1].

    Returns:
      (uint8 [rows h, columns w, 3], (h, w)); h and w are at most SIDE.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
    if images.shape[-1] == 1:
        images = 255 - np.repeat(images, 3, axis=-1)
    height, width = images.shape[1:3]
    if max(height, width) > SIDE:
        scale = SIDE / max(height, width)
        height, width = (max(1, round(scale * x)) for x in (height, width))
        images = np.stack([np.asarray(Image.fromarray(i).resize((width, height))) for i in images])
    columns = int(np.ceil(np.sqrt(len(images))))
    sheet = np.full([columns, columns, height, width, 3], 255, np.uint8)
    sheet.reshape([-1, height, width, 3])[: len(images)] = images
    sheet = sheet.transpose([0, 2, 1, 3, 4]).reshape([columns * height, columns * width, 3])
    return sheet, (height, width)


def update(workdir, learner, images, labels):
    """Writes how a learner embeds these pictures now; writes nothing if it has no embedding.

    Args:
      workdir: the run's folder.
      learner: a built `Learner`.
      images: uint8 [n, H, W, C], of `choose`.
      labels: n names of classes.
    """
    embedded = learner.embed(tf.constant(images, tf.float32) / 255.0)
    if embedded is not None:
        write(workdir, embedded.numpy(), labels, images)
