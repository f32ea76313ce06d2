"""``streamdcm layout --trace`` plays what a write recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from streamdcm.cli.trace_steps import HELD, OPEN, PATCHED, SENT, cells, read_trace
from tests.support.images import compressed, template


class Stream:
    """What can only be written to, in order."""

    def write(self, data: Any) -> int:
        return len(data)


def trace(path: Path, target: Any) -> Path:
    streamdcm.dcmwrite(
        target,
        template(JPEGBaseline8Bit, bits=8),
        frames=(frame for frame in compressed([50_000] * 6)),
        number_of_frames="count",
        max_frames=10,
        hold_limit=100_000,
        trace=path,
    )
    return path


def test_a_file_has_all_but_open_fields_at_once(tmp_path: Path) -> None:
    [instance] = read_trace(str(trace(tmp_path / "t.jsonl", tmp_path / "a.dcm")))
    assert instance.size == (tmp_path / "a.dcm").stat().st_size
    assert (instance.policy, instance.outcome) == ("patch", "committed")
    states = {step.event: list(state) for step, state in cells(instance, instance.size)}
    assert states["reserve"].count(OPEN) == sum(
        step.stop - step.start for step in instance.steps if step.event == "reserve"
    )
    assert set(states["end"]) <= {SENT, PATCHED, HELD}
    assert instance.steps[-1].waiting == 0


def test_a_stream_waits_in_memory_and_in_a_file(tmp_path: Path) -> None:
    [instance] = read_trace(str(trace(tmp_path / "t.jsonl", Stream())))
    assert instance.policy == "in_order"
    assert max(step.spooled for step in instance.steps) > 100_000
    assert (instance.steps[-1].waiting, instance.steps[-1].spooled) == (0, 0)
    assert set(list(cells(instance, 80))[-1][1]) == {SENT}


def test_parts_are_placed_by_their_numbers(tmp_path: Path) -> None:
    records = [
        {"event": "begin", "target": "s3://b/k", "policy": "parts"},
        {"event": "reserve", "offset": 4, "size": 8, "encoded": 4},
        {"event": "part", "number": 2, "size": 100, "encoded": 250},
        {"event": "part", "number": 1, "size": 100, "encoded": 250},
        {"event": "part", "number": 3, "size": 50, "encoded": 250},
        {"event": "end", "outcome": "committed"},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"t": 0.5, "instance": 1, **record}) + "\n" for record in records))
    [instance] = read_trace(str(path))
    assert [(step.start, step.stop) for step in instance.steps if step.event == "part"] == [
        (100, 200),
        (0, 100),
        (200, 250),
    ]
    assert [step.waiting for step in instance.steps] == [4, 150, 50, 0, 0]


def test_the_terminal_has_a_line_for_each_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trace(tmp_path / "t.jsonl", tmp_path / "a.dcm")
    assert main(["layout", "--trace", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'a.dcm'}: ")
    assert len(lines) == 3 + len(path.read_text().splitlines()) - 1
    assert any(" patch " in line and "[P" in line for line in lines)


def test_json_and_a_page_have_the_same_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trace(tmp_path / "t.jsonl", tmp_path / "<script>.dcm")
    assert main(["layout", "--trace", str(path), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert main(["layout", "--trace", str(path), "--html", str(tmp_path / "t.html")]) == 0
    page = (tmp_path / "t.html").read_text("utf-8")
    _, _, behind = page.partition('<script id="data" type="application/json">')
    [shown] = json.loads(behind.partition("</script>")[0])
    assert [step[1] for step in shown["steps"]] == [step["event"] for step in found["steps"]]
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "content",
    ["", "no json\n", "5\n", '{"event": "write"}\n', '{"t": 1, "instance": 1, "event": "write", "size": -1}'],
)
def test_what_is_no_trace_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    assert main(["layout", "--trace", str(path)]) == 1
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["a.dcm", "--trace", "t.jsonl"]])
def test_a_file_or_a_trace_is_needed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["layout", *arguments])
    assert stopped.value.code == 2
    assert "a FILE or --trace TRACE is needed" in capsys.readouterr().err
