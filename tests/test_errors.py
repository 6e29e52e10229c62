import pytest

from oneshot_tf import models
from oneshot_tf.errors import UserError


def test_an_error_for_users_is_one_line_whatever_was_received():
    assert str(UserError("--model must be a. Received: x\ny\r\nz")).endswith("Received: x y z")
    with pytest.raises(UserError, match="Received: a b") as error:
        models.find("a\nb")
    assert "\n" not in str(error.value)
