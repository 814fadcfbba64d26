"""Common slips of the pen, and the one right fix of each."""

import re

_ELSEWHERE = {"true": "True", "false": "False", "null": "None", "none": "None", "nil": "None"}
_NO_BREAK = "\u00a0\u2007\u202f"
_CURLY = "\u2018\u2019\u201c\u201d\u201e"
_WORD = re.compile(r"(?<![@%\w./'])[A-Za-z_]\w*(?![\w/.(])")
_STRING = re.compile(r"(?<![rR])(?:'[^']*'|\"[^\"]*\")")


def slip(line: str) -> tuple[str, str] | None:
    """Returns what is wrong with a line that Gin cannot read, and the fix; None where unknown.

    Args:
        line: The line as it stands in the file.

    Example:

    >>> slip("find/Retrieval.logq = true")
    ('true is not how Python writes it.', 'Write True.')
    >>> slip("Adam.learning_rate = 0.01,")
    ('The line ends in a comma.', 'Remove the comma.')
    """
    code = _STRING.sub("''", line).split("#")[0].rstrip()
    value = code.partition("=")[2].strip()
    if any(each in code for each in _NO_BREAK):
        return "The line holds a no-break space.", "Type a plain space in its place."
    if any(each in code for each in _CURLY):
        return "The line holds typographic quotation marks.", "Type ' in their place."
    if setting := re.match(r"\s*([\w/.]+\.\w+)\s*:\s*\S", code):
        return "There is a colon where Gin reads an equals sign.", f"Write {setting[1]} = ..."
    if value.endswith(";"):
        return "The line ends in a semicolon.", "Remove the semicolon."
    if ",," in value.replace(" ", ""):
        return "Two commas follow each other.", "Remove one of them."
    if made := re.match(r"[A-Za-z_][\w/.]*\(\)", value):
        return f"{made[0]} has no @ before it.", f"Write @{made[0]}."
    word = _ELSEWHERE.get(value.lower())
    if word and word != value:
        return f"{value} is not how Python writes it.", f"Write {word}."
    if value.lower() in ("nan", "inf", "-inf"):
        return f"{value} is not a number that Gin reads.", "Write a finite number."
    is_whole = all(value.count(a) == value.count(b) for a, b in ("()", "[]", "{}"))
    if value.endswith(",") and is_whole:
        return "The line ends in a comma.", "Remove the comma."
    if re.fullmatch(r"[\d._e\s()*/+-]+", value) and re.search(r"\d\s*(\*|/|\+|-)", value):
        return "Gin does not evaluate expressions.", f"Write the number itself{_result(value)}."
    if found := backslashes(line):
        return found
    for word in _WORD.findall(value):
        if right := _ELSEWHERE.get(word):
            return f"{word} is not how Python writes it.", f"Write {right}."
        if word not in ("True", "False", "None"):
            return (
                f"The word {word} is not in quotes.",
                f"Put it in quotes if it is a text: '{word}'.",
            )
    return None


def backslashes(line: str) -> tuple[str, str] | None:
    """Returns what is wrong with a text in which a Windows path's backslashes are escapes."""
    for text in _STRING.findall(line):
        if re.match(r"[A-Za-z]:\\(?!\\)", text[1:]):
            slashes = text.replace("\\\\", "/").replace("\\", "/")
            return (
                f"The backslashes of {text} are escapes in a text, such as a tab for \\t.",
                f"Write slashes: {slashes}.",
            )
    return None


def _result(value: str) -> str:
    factors = re.fullmatch(r"(\d+)\s*(\*\*|\*)\s*(\d{1,3})", value)
    if factors is None:
        return ""
    first, operator, second = int(factors[1]), factors[2], int(factors[3])
    return f", {first**second if operator == '**' else first * second}"
