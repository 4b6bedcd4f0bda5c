"""Why a source cannot be read: for custodians, who chose it; never for analysts."""


class SourceRefusedError(Exception):
    """The source names nothing that may be read, or cannot be read as its format says.

    `problem` is a sentence for the custodian. It may quote the source, so it goes into no log and no analyst's error.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
