"""The table of models. A module is imported only when its model is named."""

import importlib

from oneshot_tf.errors import UserError

MODELS = {
    "flmn": "oneshot_tf.models.flmn:FLMN",
    "mann": "oneshot_tf.models.mann:MANN",
    "ntm": "oneshot_tf.models.ntm:NTM",
    "lstm": "oneshot_tf.models.lstm:LSTM",
    "matching": "oneshot_tf.models.matching:Matching",
    "prototypical": "oneshot_tf.models.prototypical:Prototypical",
    "mmnet": "oneshot_tf.models.mmnet:MMNet",
    "rare_events": "oneshot_tf.models.rare_events:RareEvents",
    "gaussian_memory": "oneshot_tf.models.gaussian_memory:GaussianMemory",
    "siamese": "oneshot_tf.models.siamese:Siamese",
    "classifier": "oneshot_tf.models.classifier:Classifier",
    "maml": "oneshot_tf.models.maml:MAML",
    "anil": "oneshot_tf.models.anil:ANIL",
    "meta_sgd": "oneshot_tf.models.meta_sgd:MetaSGD",
    "reptile": "oneshot_tf.models.reptile:Reptile",
    "meta_lstm": "oneshot_tf.models.meta_lstm:MetaLSTM",
    "meta_networks": "oneshot_tf.models.meta_networks:MetaNetworks",
    "pixels": "oneshot_tf.models.pixels:Pixels",
    "lstm_lm": "oneshot_tf.models.lstm_lm:LSTMLanguageModel",
}


def find(name):
    """The `Learner` class of a name.

    Raises:
      UserError: there is no such model.
    """
    if name not in MODELS:
        raise UserError(f"--model must be one of {', '.join(MODELS)}. Received: {name}")
    module, _, attribute = MODELS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
