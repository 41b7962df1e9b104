#!/usr/bin/env python3
"""Reads mutations.txt: `names`, `title NAME`, or `apply NAME ROOT`, which fails unless the text is there exactly once."""

import pathlib
import sys


def mutations():
    text = (pathlib.Path(__file__).parent / "mutations.txt").read_text()
    for block in text.split("\n== ")[1:]:
        head, rest = block.split("\n", 1)
        name, title = head.split(": ", 1)
        file, rest = rest.split("\n", 1)
        old, new = rest.split("\n->\n", 1)
        yield name, title, file, old, new.rstrip("\n")


def main():
    command, *words = sys.argv[1:]
    if command == "names":
        print(*(name for name, *_ in mutations()))
        return
    found = [m for m in mutations() if m[0] == words[0]]
    if not found:
        sys.exit(f"mutations: no mutation is called {words[0]}")
    name, title, file, old, new = found[0]
    if command == "title":
        print(title)
        return
    path = pathlib.Path(words[1]) / file
    text = path.read_text()
    if text.count(old) != 1:
        sys.exit(f"mutations: {name}: its text is in {file} {text.count(old)} times, not once; change mutations.txt")
    path.write_text(text.replace(old, new))


main()
