"""Whatever seconds of a stream are lost, a log tells of them nothing that was not so."""

from random import Random

import pytest
from cutting import heard, random_cuts, recorded, wrong
from recorded import FOLDER

CALLBACK = "pbx1/pbx1-1795418397.71"     # rung by the PBX through the trunk in a gap: no list tells it from a member


@pytest.mark.parametrize("name", ["transfers", "smoke", "older"])
def test_cel_of_whole_seconds_mends_a_recording_cut_anywhere(name):
    house = recorded(FOLDER / name)
    for seed in range(6):
        found = heard(house.board(), house.events, random_cuts(Random(seed), house.events))
        calls = [record for record in house.mended(found, ["cel"]) if record.call != CALLBACK]
        assert list(wrong(house.truth, calls, found.spans)) == []
        assert len(calls) == len(house.truth)
