"""Writes what each command says about itself into its page in `docs/commands/`.

    python docs/command_help.py

What `keras-twins COMMAND --help` prints stands between `<!-- help -->` and
`<!-- end -->`.
"""

import pathlib
import re
import subprocess
import sys

PAGES = pathlib.Path(__file__).parent / "commands"

_BLOCK = re.compile(r"<!-- help -->\n.*?<!-- end -->", re.DOTALL)


def main():
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(fill(page.read_text("utf-8"), page.stem), "utf-8")


def fill(text, command):
    """Text with its block written anew from the help of a command."""
    arguments = [sys.executable, "-m", "keras_twins.commands.cli", command, "--help"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    block = f"<!-- help -->\n```text\n{done.stdout.rstrip()}\n```\n<!-- end -->"
    return _BLOCK.sub(lambda _: block, text)


if __name__ == "__main__":
    main()
