"""A short soak: see soak.py, which runs it as long as one likes."""

from soak import soak


async def test_a_busy_time_full_of_faults_is_kept_as_it_was_once_the_logs_are_read(tmp_path):
    run, found = await soak(tmp_path, seed=11, minutes=0.4, times=10, kills=0)
    assert found.wrong == []
    assert found.unknown == found.died
    assert found.calls > 10
    assert "0 calls" in run.again or "nothing" in run.again, run.again


async def test_a_daemon_killed_again_and_again_has_lost_nothing_once_the_logs_are_read(tmp_path):
    _, found = await soak(tmp_path, seed=12, minutes=0.8, times=10, kills=4)
    assert (found.wrong, found.unknown) == ([], 0)
    assert found.calls > 20
