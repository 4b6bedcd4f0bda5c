"""SmartNoise-SQL behind the protocol of library engines. Loads neither the library nor, until it compiles, sqlglot."""

from importlib.util import find_spec

import pyarrow as pa

from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.engines.smartnoise_sql import rendering


class SmartNoiseSqlAdapter:
    """Its dialect as a question: priced before data, drawn once."""

    name = "smartnoise_sql"

    def is_installed(self) -> bool:
        """Return whether the library and the parser are there."""
        return all(find_spec(module) is not None for module in ("snsql", "sqlglot"))

    def compile(self, asked: Asked) -> LibraryProgram:
        """Check and price a statement.

        Raises:
            Refusal: SQL_REJECTED, PLAN_REJECTED, ACCOUNTING_MISMATCH.
        """
        from sfumato_executor.engines.smartnoise_sql.compiling import compile_statement

        return compile_statement(asked)

    def answer_schema(self, program: LibraryProgram) -> pa.Schema:
        """Return the columns of the answer."""
        return rendering.answer_schema(program.job)

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the answer's columns.

        Raises:
            UnreadableReleaseError: the release is of another program.
        """
        del confidence  # the quote has the intervals
        return rendering.render(program.job, release)
