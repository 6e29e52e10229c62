"""Whether a folder is of the run that is asked for."""

import json

from oneshot_tf import workdirs
from tests.test_experiment import config_of


def test_a_run_from_before_an_option_was_added_is_the_same_run():
    now = {**config_of().to_json(), "split": {}, "pictures_sha256": ""}
    before = json.loads(json.dumps(now))
    for name in ("flip", "random_crop", "colour_jitter"):
        del before["data"][name]
    assert workdirs.differences(before, now) == []
    now["data"]["random_crop"] = 4
    assert workdirs.differences(before, now) == ["--random_crop (then 0, now 4)"]
