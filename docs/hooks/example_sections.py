"""Reads what stands below the docstrings' `Example:` as a section of examples."""

import textwrap

import griffe

MARK = "\nExample:\n"


class ExampleSections(griffe.Extension):
    def on_object(self, *, obj, **_):
        if obj.docstring and MARK in obj.docstring.value:
            text, example = obj.docstring.value.split(MARK)
            example = textwrap.indent(example.strip("\n"), "    ")
            obj.docstring.value = f"{text}\nExamples:\n{example}"
