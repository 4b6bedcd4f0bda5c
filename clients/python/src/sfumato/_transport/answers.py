"""Reading one answer, over as many streams as it takes."""

import sys
from collections.abc import Callable
from typing import Final, Protocol, TextIO

import grpc
from google.rpc import code_pb2

from sfumato._core.statuses import Refusal
from sfumato._core.streams import AnswerReader, Damaged
from sfumato._transport.calls import Calls, Stream, end_stream, read_error
from sfumato.charges import Charge
from sfumato.errors import CorruptAnswer, Unavailable
from sfumato.v1 import query_pb2

STREAM_DEADLINE: Final = 120.0
"""Seconds for one stream; a query that takes longer is attached to again."""
_LIVED: Final = 5.0
"""Seconds after which a stream that broke counts as one that worked."""
_SHOW_AFTER: Final = 1.0


class Event(Protocol):
    """A response of a stream of events."""

    @property
    def event(self) -> query_pb2.QueryEvent:
        """The event."""


class ProgressLine:
    """One line on a terminal while an answer takes more than a second; silent elsewhere."""

    def __init__(self, clock: Callable[[], float], terminal: TextIO | None = None) -> None:
        self._clock = clock
        self._terminal = sys.stderr if terminal is None else terminal
        self._start = clock()
        self._shown = False

    def show(self, reader: AnswerReader) -> None:
        """Draw the line anew."""
        waited = self._clock() - self._start
        if waited < _SHOW_AFTER or not self._terminal.isatty():
            return
        text = f"{reader.name or 'asking'}: "
        paid = Charge.of(reader.query.charge)
        if not paid.is_zero:
            text += f"paid {paid}, "
        text += f"waiting {waited:.0f} s" if not reader.rows else f"{reader.rows:,} rows"
        if reader.progress is not None and reader.progress.HasField("give_up_time"):
            text += f", until {reader.progress.give_up_time.ToDatetime():%H:%M:%S} UTC at the latest"
        self._terminal.write(f"\r\x1b[2K{text}")
        self._terminal.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._terminal.write("\r\x1b[2K")
            self._terminal.flush()
            self._shown = False

    def interrupted(self, reader: AnswerReader, how: str) -> None:
        """Say where a query that goes on is found."""
        self.clear()
        self._terminal.write(f"\n{reader.name or 'the question'} goes on; {how} finds it.\n")


def collect(
    calls: Calls,
    start: Callable[[float], Stream[Event]],
    attach: Callable[[str, int, float], Stream[Event]] | None,
    *,
    reader: AnswerReader | None = None,
    timeout: float | None = None,
    found_by: str = "",
    terminal: TextIO | None = None,
) -> AnswerReader:
    """Return the reader of a whole answer.

    Args:
        calls: deadlines, repetition, clock.
        start: begins the stream, with its deadline; repeated as it is until the query's name is known.
        attach: joins the query (name, first row, deadline) when a stream was cut; None: begin anew from nothing.
        reader: what is known already, if anything.
        timeout: seconds to wait in all; None: until the mesh gives up.
        found_by: how to find the query after Ctrl-C before its name is known.
        terminal: where progress is drawn; stderr if unset.

    Raises:
        SfumatoError: QueryFailed, QueryCancelled, a refusal, CorruptAnswer, or Unavailable.
    """
    line = ProgressLine(calls.clock, terminal)
    end = None if timeout is None else calls.clock() + timeout
    reader = reader or AnswerReader()
    failed = 0
    try:
        while True:
            if attach is None:
                reader = AnswerReader()
            began, had = calls.clock(), reader.rows
            deadline = STREAM_DEADLINE if end is None else min(STREAM_DEADLINE, end - began)
            if deadline <= 0:
                raise _late(reader, found_by)
            stream = attach(reader.name, reader.rows, deadline) if attach and reader.name else start(deadline)
            refusal = _read(calls, stream, reader, line)
            if refusal is None:
                return reader
            alive = calls.clock() - began > _LIVED or (reader.rows > had and attach is not None)
            failed = 1 if alive else failed + 1
            if end is None or calls.clock() < end:
                calls.wait(refusal, failed)
    except KeyboardInterrupt:
        line.interrupted(reader, f"mesh.query({reader.name!r})" if reader.name else found_by)
        raise
    finally:
        line.clear()


def _read(calls: Calls, stream: Stream[Event], reader: AnswerReader, line: ProgressLine) -> Refusal | None:
    """Read one stream to its end; None: the answer is whole."""
    try:
        for response in stream:
            calls.answered()
            reader.feed(response.event)
            line.show(reader)
    except grpc.RpcError as error:
        return None if reader.complete is not None else read_error(error, calls.connection.target)
    except Damaged as damage:
        end_stream(stream)
        return Refusal(code_pb2.UNAVAILABLE, f"the answer does not arrive whole: {damage}.")
    except (CorruptAnswer, KeyboardInterrupt):
        end_stream(stream)
        raise
    return None if reader.complete is not None else Refusal(code_pb2.UNAVAILABLE, "the stream was cut.")


def _late(reader: AnswerReader, found_by: str) -> Unavailable:
    how = f"mesh.query({reader.name!r}).answer()" if reader.name else found_by
    return Unavailable("the answer did not come in time; the query goes on.", hint=f"{how} finds it")
