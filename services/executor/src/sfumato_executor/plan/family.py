"""Families of questions: those of which one may answer a narrower one.

The family digest is over what a base and a narrower question must have in common, as far as either shows it: engine,
dataset, who the unit is, and the members of the filter that no group key can test. It finds candidates; whether one
answers is proved from the programs (`narrowing`), so that two questions of one family that have nothing to do with each
other cost a look and no more.
"""

import hashlib
from typing import Final

from sfumato_executor.plan.encoding import Structure, dump, structure
from sfumato_executor.plan.key_filters import could_test_keys, members
from sfumato_executor.plan.narrowing import can_be_base, can_be_derived
from sfumato_executor.plan.program import Program

_FORM: Final = "sfumato.family.1"


def family_digest(engine: str, program: Program) -> bytes:
    """SHA-256 of what a family has in common, 32 bytes; empty: the program is of none."""
    if not (can_be_base(program) or can_be_derived(program)):
        return b""
    rule = program.bounding
    kept: Structure = [dump(structure(each)) for each in members(program.filter) if not could_test_keys(each)]
    content: Structure = [_FORM, engine, program.dataset, rule.column, kept]
    return hashlib.sha256(dump(content).encode("ascii")).digest()
