"""The pictures that a trained model is tested on: of which data set, read how, of which classes."""

import dataclasses
import pathlib

from oneshot_tf import data
from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_json
from oneshot_tf.runs import experiment
from oneshot_tf.sampling import choice, source

SAID = ("dataset", "data_dir", "read", "skip_damaged", "test_rotations", "augment_test")
# how a data set's files are read: of another one, the run's values say nothing
READING = ("read", "skip_damaged", "ink")


def data_options(config, test):
    """The run's data options, with what `TestOptions` say otherwise.

    Raises:
      UserError: an option that this data set does not have.
    """
    said = {n: getattr(test, n) for n in (*SAID, "mirrored_copies")}
    said = {name: value for name, value in said.items() if value is not None}
    name = said.get("dataset", config.data.dataset)
    if name != config.data.dataset:
        # a turned character counts as another one; turned digits are only digits
        said = {"test_rotations": False, "split": None, **_read_as_usual(config, name), **said}
    if test.split:
        said["split"] = test.split
    return data.changed(config.data, **said)


def _read_as_usual(config, name):
    """{option: value} that another data set than the run's is read by where nothing is said."""
    source = data.find(name)
    usual = {**dataclasses.asdict(source.Options()), **source.defaults}
    found = {option: usual[option] for option in READING}
    if "folder" in (name, config.data.dataset):  # a folder of classes, not one of data sets
        found["data_dir"] = None
    return found


def classes(config, workdir, test):
    """The pictures of a test.

    Args:
      config: `RunConfig`.
      workdir: the run's folder.
      test: `TestOptions`.

    Returns:
      (data set of the classes to test on, description of the split: with "trained_classes", how many of
      them the run was trained on, where it was on any).

    Raises:
      UserError: the classes are not those that the run's split was made of; validation classes of another
        data set, without a split to say which.
    """
    options = data_options(config, test)
    whole = options.dataset != config.data.dataset and not options.split
    if whole and test.part != "test":
        raise UserError(
            f"--part={test.part} needs a split of {options.dataset}: it is not the data set trained on, and "
            "without one all its classes are tested. Say --split=random or one of its own, or leave "
            "--part out"
        )
    vary = options.augment_test and source.varies(options)
    dataset = experiment.load_pictures(options, vary=vary)
    if whole:
        split, shown = splits.make("all", (), (), dataset.class_names), dataset
    else:
        split = splits.load(dataset, options)
        if options.dataset == config.data.dataset and not test.split:
            check_split(workdir, split)
        shown = dataset.select(getattr(split, test.part))
    described = split.describe()
    trained = trained_on(config, split_of(workdir), options.dataset, dataset.class_names)
    if trained.intersection(shown.class_names):
        described["trained_classes"] = len(trained.intersection(shown.class_names))
    return shown, described


def trained_on(config, before, dataset, names):
    """Classes that a run was trained on, by name, as far as a test of this data set can show one of them.

    Args:
      config: `RunConfig`.
      before: what the run says of the split that it was trained by, see `split_of`.
      dataset: name of the data set tested on.
      names: of all its classes.

    Returns:
      A set, empty where it cannot be told: of a split that was drawn, and of other classes than these.
    """
    own = config.data.dataset
    if before.get("name") in splits.published_of(own):
        split = splits.stored(before["name"], own)
    elif dataset == own:
        split = splits.load(splits.Named(own, names), config.data)
    else:
        return set()
    same = split.sha256() == before.get("sha256")
    return set(experiment.training_classes(config, split)) if same else set()


def within_groups(drawn_from, dataset):
    """A `Source` whose episodes are each of one group of the classes of a data set.

    Raises:
      UserError: its classes are of no groups.
    """
    group_of = data.find(dataset.name).group_of if dataset.name in data.DATASETS else None
    if group_of is None:
        raise UserError(
            f"--within_group needs classes in groups, as Omniglot's in alphabets. {dataset.name} has "
            "none; leave it out"
        )
    names = [group_of(name) for name in dataset.class_names]
    return drawn_from._replace(population=choice.within_groups(drawn_from.population, names))


def split_of(workdir):
    """What a run's `config.json` says of its split."""
    return read_json(pathlib.Path(workdir) / "config.json").get("split", {})


def check_split(workdir, split):
    """Whether a split is the one that a run was trained by.

    Raises:
      UserError: classes came or went since, so that the same seed draws others.
    """
    before = split_of(workdir)
    now = split.describe()
    if before.get("sha256") != now["sha256"]:
        raise UserError(
            f"The data must have the {sum(before.get('classes', ()))} classes that {workdir} was "
            f"trained with, or its test classes are others. Received: {sum(now['classes'])}; restore "
            "them, or draw new test classes, trained on or not, by --split=random"
        )
