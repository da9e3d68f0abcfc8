"""Whatever seconds of a stream are lost, a log tells of them nothing that was not so."""

from random import Random

import pytest
from cutting import heard, random_cuts, recorded, wrong
from recorded import FOLDER


@pytest.mark.parametrize("name", ["transfers", "smoke", "older"])
def test_cel_of_whole_seconds_mends_a_recording_cut_anywhere(name):
    house = recorded(FOLDER / name)
    for seed in range(6):
        found = heard(house.board(), house.events, random_cuts(Random(seed), house.events))
        calls = house.mended(found, ["cel"])
        assert list(wrong(house.truth, calls, found.spans)) == []
        assert len(calls) == len(house.truth)
