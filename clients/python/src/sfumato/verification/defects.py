"""What is wrong: with the ledger (a defect of one entry), or with the file (it cannot be judged)."""

from sfumato.errors import SfumatoError


class ExportUnreadable(SfumatoError):  # noqa: N818  (the file's state)
    """The file is no export, is cut short, is of another version, or is not by the key that is trusted.

    Nothing is said about the ledger.
    """


class Defect(SfumatoError):  # noqa: N818  (the ledger's state)
    """An entry breaks a rule. What comes behind it was not judged.

    Attributes:
        sequence: its position.
        rule: "form", "hash", "gap", "order", "signature", "key", "head", "genesis", "terminal", "charge", "scope",
            "limit", "window", "frozen", "grant", "delegation", "shared", "withheld", "reopened", "closed" or
            "predecessor".
        description: in words.
    """

    def __init__(self, sequence: int, rule: str, description: str) -> None:
        super().__init__(f"position {sequence} breaks the rule “{rule}”: {description}.", reason="LEDGER_DEFECT")
        self.sequence = sequence
        self.rule = rule
        self.description = description


class Broken(Exception):  # noqa: N818
    """A rule is broken at the position that is being judged; becomes a Defect there."""

    def __init__(self, rule: str, description: str) -> None:
        super().__init__(description)
        self.rule = rule
        self.description = description


class UnknownKind(Exception):  # noqa: N818
    """The text holds a kind or a field of which this version does not know what it means."""
