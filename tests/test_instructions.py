"""What wraps an encoder passes answers, errors and the end on to it."""

from streamdcm import END, Copy, Fill, Need, Reserve, through
from streamdcm.stages import in_order


def shout(chunk):
    yield bytes(chunk).upper()


def lazy(log, source="source"):
    need = Need(source)
    try:
        while (piece := (yield need)) is not END:
            yield piece
    except ValueError:
        yield b"recovered"
    finally:
        log.append("closed")
    return "bookkeeping"


def result_of(encoder, answers):
    """Run an encoder, answering its needs in turn."""
    out, answer = [], None
    answers = iter(answers)
    while True:
        try:
            instruction = encoder.send(answer)
        except StopIteration as stop:
            return out, stop.value
        answer = None
        if isinstance(instruction, Need):
            answer = next(answers)
        else:
            out.append(instruction)


def test_through_passes_answers_and_the_result_on():
    log = []
    out, result = result_of(through(lazy(log), shout, lambda: [b"!"]), [b"a", b"b", END])
    assert out == [b"A", b"B", b"!"]
    assert result == "bookkeeping"
    assert log == ["closed"]


def test_through_throws_the_error_of_a_source_into_the_encoder_that_asked():
    encoder = through(lazy([]), shout)
    assert isinstance(next(encoder), Need)
    assert encoder.throw(ValueError()) == b"RECOVERED"


def test_closing_a_wrapped_encoder_closes_what_it_wraps():
    log = []
    encoder = through(lazy(log), shout)
    next(encoder)
    encoder.close()
    assert log == ["closed"]


def test_through_leaves_everything_but_chunks_alone():
    reserve = Reserve(2)
    instructions = [reserve, b"a", Copy("file", 0, 5), Fill(reserve, b"xy")]
    out, _ = result_of(through((i for i in instructions), shout), [])
    assert out == [reserve, b"A", *instructions[2:]]


def test_settling_leaves_only_bytes_in_order():
    def inner():
        reserve = Reserve(2)
        yield b"<"
        yield reserve
        yield Copy("file", 3, 5)
        yield b">"
        yield Fill(reserve, b"xy")
        return 7

    out, result = result_of(in_order(inner()), [b"ab", b"cde", END])
    assert b"".join(out) == b"<xyabcde>"
    assert result == 7
