"""A bundle's file is found by its name, which people and sticks may add to; nothing else is taken for one."""

import pytest

from crypto.manifest import Direction
from store.bundle_names import bundle_name, bundles_in, is_bundle_name


def test_bundles_are_found_by_direction_in_the_order_of_their_numbers(tmp_path):
    for name in [bundle_name(direction, number) for direction in Direction for number in (2, 10, 1)]:
        (tmp_path / name).touch()
    (tmp_path / "luwte-collect-000001.age.part").touch()

    assert [path.name for path in bundles_in(tmp_path, Direction.COLLECT)] == [
        "luwte-collect-000001.age",
        "luwte-collect-000002.age",
        "luwte-collect-000010.age",
    ]


@pytest.mark.parametrize("name", ["luwte-collect-000001.age", "luwte-collect-000001_copy-2.age"])
def test_a_copy_is_one_too(name):
    assert is_bundle_name(Direction.COLLECT, name)
    assert not is_bundle_name(Direction.DISPATCH, name)


@pytest.mark.parametrize(
    "name",
    [
        "luwte-collect-.age",
        ".luwte-collect-000001.age",
        "luwte-collect-000001.age\n",
        "luwte-collect-<b>.age",
        "luwte-collect-../x.age",
        "luwte-collect-\udcff.age",
        "luwte-collect-١.age",
        f"luwte-collect-{'1' * 81}.age",
    ],
)
def test_other_names_are_none(name):
    assert not is_bundle_name(Direction.COLLECT, name)
