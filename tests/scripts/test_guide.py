"""docs/administrators.md shows every task of every script, and none that is not there."""

import re

from tests.scripts.shell import REPOSITORY, SCRIPTS

GUIDE = (REPOSITORY / "docs" / "administrators.md").read_text().partition("\n## By script\n")[2]
SHOWN = re.compile(r"^\$ \./([a-z]+) ([a-z-]+)", re.MULTILINE)
TASKS = re.compile(r"^dispatch '([a-z -]+)' \"\$@\"$", re.MULTILINE)


def test_every_task_is_shown() -> None:
    there: set[tuple[str, str]] = set()
    for script in SCRIPTS.iterdir():
        if script.is_file() and not script.suffix:
            tasks = TASKS.search(script.read_text())
            there |= {(script.name, task) for task in tasks[1].split()} if tasks else {(script.name, "")}
    shown = {(name, task if (name, "") not in there else "") for name, task in SHOWN.findall(GUIDE)}
    assert shown == there


def test_every_option_that_is_shown_is_known() -> None:
    for line in re.findall(r"^\$ \./(.*)$", GUIDE, re.MULTILINE):
        command = line.partition("  #")[0].partition("|")[0]
        text = (SCRIPTS / command.split()[0]).read_text()
        for option in re.findall(r"(?<= --)[a-z-]+", command):
            assert option in {"help", "json"} or re.search(rf"[' ]{option}=?[' ]", text), f"{command}: --{option}"
