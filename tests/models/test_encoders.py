"""What an encoder cannot do is refused before it is built."""

import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.layers.conv4 import Conv4
from oneshot_tf.layers.sentence_encoder import SentenceEncoder
from oneshot_tf.models import encoders
from oneshot_tf.models.encoders import EmbeddingOptions

INCEPTION = {"encoder": "inception"}


@pytest.mark.parametrize(
    "options, shape, vocabulary, said",
    [
        (INCEPTION, (64, 64, 3), 0, "inception needs --image_size=75 or more. Received: 64"),
        (INCEPTION, (None,), 9, "inception reads pictures, no sentences"),
        ({**INCEPTION, "bn": "support"}, (75, 75, 3), 0, "needs --bn=running. Received: --bn=supp"),
        ({"encoder_weights": "x"}, (28, 28, 1), 0, "--encoder_weights needs --encoder=inception"),
        ({"freeze_encoder": True}, (28, 28, 1), 0, "--freeze_encoder needs --encoder=inception"),
        ({"oracle": True}, (None,), 9, "--oracle needs --encoder=inception"),
        (
            {"bn": "support"},
            (None,),
            9,
            "--bn=support is for pictures: sentences have no batch norm",
        ),
        ({}, (15, 15, 1), 0, "--blocks=4 halves .* --image_size=16 or more. Received: 15"),
    ],
)
def test_refused(options, shape, vocabulary, said):
    with pytest.raises(UserError, match=said):
        encoders.make(EmbeddingOptions(**options), shape, vocabulary, "float32")


def test_which_encoder():
    assert isinstance(encoders.make(EmbeddingOptions(), (28, 28, 1), 0, "float32"), Conv4)
    sentences = encoders.make(EmbeddingOptions(), (None,), 9, "float32")
    assert isinstance(sentences, SentenceEncoder)
    assert encoders.named(EmbeddingOptions(**INCEPTION)) == "inception"
    assert encoders.named(EmbeddingOptions()) != "inception" and encoders.named(None) is None
