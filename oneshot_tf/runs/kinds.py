"""The kinds of episodes that models train on: how each is drawn, validated and tested.

A model names its kind (`Learner.episode`); all that depends on it is here, in one object a kind.
"""

from oneshot_tf.episodes import ClozeEpisode, SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers, perplexity, protocols
from oneshot_tf.runs import plans
from oneshot_tf.sampling import few_shot, labelled, sequence, text


class FewShot:
    """A support set and queries; what kinds have in common that are tested so.

    Attributes:
      protocols: the tests that its models can take, their usual one first.
    """

    protocols = ("few_shot",)

    def training(self, learner, config, source, share):
        """A sampler of training episodes.

        Args:
          learner: the model.
          config: `RunConfig`.
          source: `Source` of the training classes.
          share: episodes of one replica's part of a batch.

        Returns:
          (number of the first) -> `share` episodes.
        """
        train = config.train
        return few_shot.sampler(
            source,
            seed=train.seed,
            stream="train",
            batch=share,
            way=train.way,
            shot=train.shot,
            queries=train.queries,
            way_from=train.way_from,
            shot_from=train.shot_from,
            whole_batch=train.batch_size,
        )

    def classes_needed(self, train):
        """Validation classes that validation cannot do without."""
        del train
        return 2

    def validation(self, learner, config, source):
        """(sampler of validation episodes, how many it gives at once)."""
        train = config.train
        way, shot = hardest(train, source.population.num_classes)
        batch = protocols.fitting_batch(learner, way * (shot + train.queries))
        sample = few_shot.sampler(
            source,
            seed=0,
            stream="validation",
            batch=batch,
            way=way,
            shot=shot,
            queries=train.queries,
            told=ClozeEpisode in learner.answers,
        )
        return sample, batch

    def validate(self, learner, config, sample, batch, held_out):
        """One validation.

        Args:
          learner: the model.
          config: `RunConfig`.
          sample: of `validation`.
          batch: of `validation`.
          held_out: the data set of the validation classes.

        Returns:
          (score, by which the best checkpoint is chosen; {name: number} for logs; accuracies by
          presentation, or None).
        """
        del held_out
        found = protocols.few_shot(learner, sample, config.train.validation_episodes, batch)
        return found["mean"], {"accuracy": found["mean"]}, None

    def plan(self, learner, config, source, test):
        """The `plans.Plan` of a test.

        Args:
          learner: the model.
          config: `RunConfig`.
          source: `Source` of the classes to test on.
          test: `TestOptions`.
        """
        if test.protocol == "sequence" and SequenceEpisode in learner.answers:
            return plans.sequence_plan(learner, config, source, test)
        if test.protocol not in (None, *self.protocols):
            raise UserError(
                f"{config.model} answers queries, no sequences; use --protocol=few_shot"
            )
        return plans.few_shot_plan(learner, config, source, test)


class Labelled(FewShot):
    """Single pictures of all training classes at once; tested by support and queries."""

    def training(self, learner, config, source, share):
        return labelled.sampler(source, seed=config.train.seed, stream="train", batch=share)


class Text(FewShot):
    """Running text; tested by queries, and by how much a text surprises."""

    def training(self, learner, config, source, share):
        parts = ["train", "validation"] if config.train.train_on_validation else ["train"]
        words = source.dataset.text(*parts)
        steps = learner.pictures_per_episode(config.train)
        return text.sampler(words, seed=config.train.seed, stream="train", batch=share, steps=steps)

    def validate(self, learner, config, sample, batch, held_out):
        _, found, _ = super().validate(learner, config, sample, batch, held_out)
        surprise = perplexity.measure(learner, held_out.text("validation"))
        return -surprise, {**found, "perplexity": surprise}, None  # the less surprised the better

    def plan(self, learner, config, source, test):
        words = source.dataset.text(test.part)

        def measure_text():
            """The perplexity of a text that is read in one go, beside the paper's."""
            value = round(perplexity.measure(learner, words, rows=1), 3)
            paper = papers.perplexity(config.paper_row) if test.part == "test" else None
            return {"perplexity": {"value": value, "words": len(words), "paper": paper}}

        return super().plan(learner, config, source, test)._replace(more=measure_text)


class Sequence(FewShot):
    """Pictures one by one with late labels; tested so or, if asked, by support and queries."""

    protocols = ("sequence", "few_shot")

    def training(self, learner, config, source, share):
        return self._sampler(learner, config, source, share, config.train.seed, "train")

    def _sampler(self, learner, config, source, batch, seed, stream):
        train = config.train
        return sequence.sampler(
            source,
            seed=seed,
            stream=stream,
            batch=batch,
            way=train.way,
            per_class=train.shot,
            num_labels=learner.num_labels,
            counts=train.counts if stream == "train" else "equal",
        )

    def classes_needed(self, train):
        return train.way

    def validation(self, learner, config, source):
        batch = protocols.BATCH
        return self._sampler(learner, config, source, batch, 0, "validation"), batch

    def validate(self, learner, config, sample, batch, held_out):
        train = config.train
        found = protocols.sequence(learner, sample, train.validation_episodes, train.shot)
        means = [value["mean"] for value in found.values()]
        # the first presentation is a guess: it does not choose a checkpoint
        score = sum(means[1:]) / len(means[1:]) if len(means) > 1 else means[0]
        return score, {"accuracy": score}, means if len(means) > 1 else None

    def plan(self, learner, config, source, test):
        if test.protocol == "few_shot":
            return plans.few_shot_plan(learner, config, source, test)
        return plans.sequence_plan(learner, config, source, test)


KINDS = {"few_shot": FewShot(), "labelled": Labelled(), "text": Text(), "sequence": Sequence()}


def of(learner):
    """The kind of episodes that a `Learner`, or a class of them, trains on."""
    return KINDS[learner.episode]


def hardest(train, classes):
    """(way, shot) of validation: the hardest of those trained on, which tells models apart.

    Args:
      train: `TrainOptions`.
      classes: how many validation classes there are; the way is at most that.
    """
    return min(train.way, classes), train.shot_from or train.shot
