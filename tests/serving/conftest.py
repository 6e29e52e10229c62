"""What the tests of serving share: one small export a model, loaded once."""

import pytest
import tensorflow as tf

from oneshot_tf.serving import signatures
from tests.serving import exports


@pytest.fixture(scope="session")
def served(make_learner, tmp_path_factory):
    """Exports a small model and loads it: (name, **options) -> (learner, signatures)."""
    made = {}

    def serve(name, **options):
        key = (name, *sorted(options.items()))
        if key not in made:
            learner = make_learner(name, **options)
            exports.shake(learner)
            path = tmp_path_factory.mktemp("export") / name
            signatures.save(learner, path)
            loaded = tf.saved_model.load(str(path))
            made[key] = learner, loaded.signatures, loaded  # its weights live as long as it does
        return made[key][:2]

    return serve
