"""The interval that planted shares are compared with."""

from __future__ import annotations

import pytest

from intervals import wilson


def test_wilsons_interval() -> None:
    """An example of Newcombe, Statistics in Medicine 17 (1998): 81 of 263 at 95%."""
    assert wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=1e-4)
