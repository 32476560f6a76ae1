from pathlib import Path

import pytest

from cloudtrail_processing import read_events
from cloudtrail_processing.testing import sample_logs


@pytest.mark.parametrize("count", [1, 2, 19, 20, 60])
def test_the_folder_holds_as_many_logs_as_asked_for_and_is_gone_at_the_end(count: int) -> None:
    with sample_logs(count) as folder:
        logs = list(Path(folder).rglob("*.json.gz"))
        assert len(logs) == count
        assert sum(1 for log in logs for _ in read_events(log)) >= count
    assert not Path(folder).exists()


def test_an_attack_is_hidden_in_a_folder_of_some_size() -> None:
    with sample_logs(20) as folder:
        names = {event.event_name for log in Path(folder).rglob("*.json.gz") for event in read_events(log)}
    assert {"StopLogging", "DeleteTrail"} <= names
