"""Makes miniImageNet's pictures from your own ILSVRC2012, by Ravi's CSV files.

python -m oneshot_tf.prepare_mini_imagenet --imagenet=DIR --data_dir=OUT
"""

import pathlib

from oneshot_tf.commands import flags
from oneshot_tf.data import mini_imagenet_files
from oneshot_tf.errors import UserError


def main(argv):
    """The command."""
    own = {
        "imagenet": (str, "the folder of ILSVRC2012's training pictures, <wnid>/*.JPEG"),
        "data_dir": (str, "the folder with the CSV files; gets mini_imagenet/images"),
    }
    parsed = flags.parse(argv, own, [])
    for name in own:
        if parsed.get(name) is None:
            raise UserError(f"--{name} is missing: {own[name][1]}")
    target = mini_imagenet_files.prepare(
        pathlib.Path(parsed.get("imagenet")), pathlib.Path(parsed.get("data_dir"))
    )
    print(
        f"Done: {target}. Next: python train.py --model=matching --dataset=mini_imagenet --data_dir=..."
    )
