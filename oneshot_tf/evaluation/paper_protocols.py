"""What the papers' rows are measured on, as far as their texts or their authors' code tell.

A figure is worth what its protocol is: at 20 ways and 1 shot, matching loses 1.2 points where turned
characters are no test classes, and wins some where characters are split at random.
"""

import typing


class PaperProtocol(typing.NamedTuple):
    """The protocol of one or more rows of a paper.

    Attributes:
      dataset: what the model was trained on.
      words: how the paper tests, in a sentence or two.
    """

    dataset: str
    words: str


_FLMN = (
    "1,209 of Omniglot's characters train and 414 test, a list that was not printed; no turned "
    "characters as classes; 5 classes, 10 pictures of each, in one sequence"
)
_MN = (
    "1,200 of Omniglot's characters train and 423 test, a list that was not printed; turned "
    "characters train as classes, and the text does not say whether they are test classes"
)
_KAISER = (
    "Omniglot's 964 background characters train, turned ones too, and 659 evaluation characters test, "
    "not turned (the authors' code). k shots are the (k+1)-th picture of a class in one sequence, whose "
    "earlier queries are in the memory as well"
)
_ADAPT = (
    "1,200 of Omniglot's characters train and 423 test, drawn at random; turned characters train as "
    "classes; queries are normalised by the statistics of all queries of the episode: transductive"
)
_IMAGENET = "ImageNet without 118 classes to train, these 118 to test; 5 ways, 1 shot"
_RAVI = "miniImageNet, 64 classes to train, 16 to validate, 20 to test (Ravi and Larochelle)"
_WORDS = (
    "Penn Treebank, 9,000 words to train and 1,000 to test, which are printed in part; 5 ways, how many "
    "queries is not said"
)

_OF_ROWS = [
    (("flmn_omniglot_1", "mann_1head_omniglot_1"), "omniglot", _FLMN),
    (
        ("flmn_omniglot_2", "mann_1head_omniglot_2"),
        "omniglot",
        f"{_FLMN}; turned by up to 11.25 degrees and shifted by up to 10 pixels of 105, in training and "
        "in test",
    ),
    (
        ("mann_omniglot", "lstm_omniglot"),
        "omniglot",
        "1,200 of Omniglot's characters train and 423 test, a list that was not printed; turned "
        "characters train as classes; 5 classes, about 10 pictures of each, in one sequence",
    ),
    (
        ("pixels_omniglot", "classifier_omniglot", "siamese_omniglot", "matching_omniglot"),
        "omniglot",
        _MN,
    ),
    (
        ("prototypical_omniglot",),
        "omniglot",
        "The authors' published list by alphabets: 1,200 of Omniglot's characters train and 423 test; "
        "turned characters are classes in training and in test",
    ),
    (
        ("mmnet_omniglot",),
        "omniglot",
        f'{_MN} (it follows Vinyals et al.: "the most common split"); 500 episodes, 15 queries a class',
    ),
    (
        ("maml_omniglot", "maml_first_order_omniglot", "meta_sgd_omniglot", "anil_omniglot"),
        "omniglot",
        _ADAPT,
    ),
    (
        ("meta_networks_omniglot",),
        "omniglot",
        "1,200 of Omniglot's characters train and 423 test, a list that was not printed (its \"previous "
        "split\"); turned characters train as classes and are no test classes (the authors' code)",
    ),
    (
        (
            "maml_mini_imagenet",
            "maml_first_order_mini_imagenet",
            "anil_mini_imagenet",
            "meta_sgd_mini_imagenet",
        ),
        "mini_imagenet",
        f"{_RAVI}; queries are normalised by the statistics of all queries: transductive",
    ),
    (
        ("reptile_mini_imagenet", "meta_lstm_mini_imagenet", "meta_networks_mini_imagenet"),
        "mini_imagenet",
        _RAVI,
    ),
    (
        ("reptile_omniglot",),
        "omniglot",
        "1,200 of Omniglot's characters train and 423 test, drawn at random; turned characters train as "
        "classes; 10,000 episodes with one query a class, each normalised together with the support; in its "
        "transductive figures, all queries of an episode together",
    ),
    (("rare_events_omniglot",), "omniglot", _KAISER),
    (
        ("gaussian_memory_omniglot",),
        "omniglot",
        f"{_MN} (it follows Vinyals et al.); whether queries are written is not said",
    ),
    (
        ("gaussian_memory_lfw",),
        "lfw",
        "LFW-a, people with three pictures or more: 343 train and 80 test, a list that was not printed; "
        "mirror images are further pictures",
    ),
    (
        ("matching_ptb", "lstm_lm", "lstm_lm_small", "lstm_lm_medium", "lstm_lm_large"),
        "ptb",
        _WORDS,
    ),
    (
        (
            "mmnet_mini_imagenet",
            "mmnet_uniform_mini_imagenet_1shot",
            "mmnet_uniform_mini_imagenet_5shot",
            "matching_mini_imagenet",
            "matching_fce_mini_imagenet",
            "prototypical_mini_imagenet",
        ),
        "mini_imagenet",
        _RAVI,
    ),
    (
        (
            "pixels_imagenet_rand",
            "classifier_inception_imagenet_rand",
            "matching_fce_inception_imagenet_rand",
        ),
        "imagenet",
        f"{_IMAGENET}, drawn at random",
    ),
    (
        (
            "pixels_imagenet_dogs",
            "classifier_inception_imagenet_dogs",
            "matching_fce_inception_imagenet_dogs",
        ),
        "imagenet",
        f"{_IMAGENET}, all of dogs",
    ),
]
PROTOCOLS = {
    row: PaperProtocol(dataset, words) for rows, dataset, words in _OF_ROWS for row in rows
}
