"""The pictures that a trained model is tested on: of which data set, read how, of which classes."""

import dataclasses
import pathlib

from oneshot_tf import data
from oneshot_tf.data import own_split, splits
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_json
from oneshot_tf.runs import experiment
from oneshot_tf.sampling import choice, source

SAID = ("dataset", "data_dir", "read", "skip_damaged", "test_rotations", "augment_test")
# how a data set's files are read: of another one, the run's values say nothing
READING = ("read", "skip_damaged", "ink")
ALL = "all"  # the split of a test on every class that there is


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
    if test.split not in (None, ALL):
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
      (data set of the classes to test on, description of the split: with "file" where a file says it, and
      with "trained_classes", how many of them the run was trained on, where it was on any).

    Raises:
      UserError: the classes are not those that the run's split was made of; validation classes of all
        classes, or of a split that has none.
    """
    options = data_options(config, test)
    own = options.dataset == config.data.dataset
    whole = test.split == ALL or not (own or options.split)
    if whole and test.part != "test":
        raise UserError(
            f"--part={test.part} needs a split of {options.dataset}: all its classes are tested, as of "
            "another data set without one. Say --split=random or one of its own, or leave --part out"
        )
    vary = options.augment_test and source.varies(options)
    dataset = experiment.load_pictures(options, vary=vary)
    if whole:
        split, shown = splits.make(ALL, (), (), dataset.class_names), dataset
    else:
        split = splits.load(dataset, options)
        named_again = own_split.is_file(test.split) and test.split == config.data.split
        if own and (named_again or not test.split):
            check_split(workdir, split)
        shown = _part(dataset, split, test.part)
    described = split.describe()
    if not whole and own_split.is_file(options.split):
        described["file"] = pathlib.Path(options.split).name  # a record has no folders
    trained = trained_on(config, split_of(workdir), options.dataset, dataset.class_names, split)
    if trained.intersection(shown.class_names):
        described["trained_classes"] = len(trained.intersection(shown.class_names))
    return shown, described


def _part(dataset, split, part):
    """The classes of a part of a split, as a data set.

    Raises:
      UserError: the part has none, as validation may in a user's own split.
    """
    names = getattr(split, part)
    if not names:
        raise UserError(
            f"--part={part} needs {part} classes. Received: the split {split.name}, which has none; leave "
            "--part out, or name another --split"
        )
    return dataset.select(names)


def trained_on(config, before, dataset, names, tested=None):
    """Classes that a run was trained on, by name, as far as a test of this data set can show one of them.

    Args:
      config: `RunConfig`.
      before: what the run says of the split that it was trained by, see `split_of`.
      dataset: name of the data set tested on.
      names: of all its classes.
      tested: the `Split` of the test, which may be the run's own.

    Returns:
      A set, empty where it cannot be told: of a split that was drawn or is a user's own, and of other
      classes than these, as those of another folder are.

    Raises:
      UserError: the file of the run's own split cannot be read, or was changed since.
    """
    own = config.data.dataset
    if before.get("name") in splits.published_of(own):
        split = splits.stored(before["name"], own)
    elif dataset != own:
        return set()
    elif tested is not None and tested.sha256() == before.get("sha256"):
        split = tested  # its file may have moved since
    elif own_split.is_file(config.data.split):
        split = splits.of_file(config.data.split)
        if split.sha256() != before.get("sha256"):
            raise _changed(config.data.split)
        if not {*split.train, *split.validation, *split.test}.issubset(names):
            return set()
    elif sum(before.get("classes", ())) != len(names):
        return set()  # other classes, perhaps too few to split
    else:
        split = splits.load(splits.Named(own, names), config.data)
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
      UserError: classes came or went since, so that the same seed draws others; or the file that names
        them was changed.
    """
    before, now = split_of(workdir), split.describe()
    if before.get("sha256") == now["sha256"]:
        return
    named = read_json(pathlib.Path(workdir) / "config.json").get("data", {}).get("split")
    if own_split.is_file(named):
        raise _changed(named)
    raise UserError(
        f"The data must have the {sum(before.get('classes', ()))} classes that {workdir} was "
        f"trained with, or its test classes are others. Received: {sum(now['classes'])}; restore "
        "them, draw new test classes, trained on or not, by --split=random, or test all of another "
        "folder by --split=all"
    )


def _changed(path):
    """The error for a user's split that is no longer the one that a run was trained by."""
    return UserError(
        f"--split={path} must name the classes that the run was trained with, or its test classes are "
        "others. Received: a file that was changed since; restore it"
    )
