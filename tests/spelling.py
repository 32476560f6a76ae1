"""JSON as nobody writes it, and everybody must read it."""

import json
import random
from typing import Any


def spelled(value: Any, chance: random.Random) -> str:
    """JSON in which any character may be written as an escape."""

    def escaped(character: str) -> str:
        plain = json.dumps(character)[1:-1]
        short = "\\/" if character == "/" else plain
        codes = [f"\\u{ord(character):04x}", f"\\u{ord(character):04X}"] if ord(character) < 2**16 else []
        return chance.choice([plain, plain, plain, short, *codes])

    match value:
        case str():
            return f'"{"".join(map(escaped, value))}"'
        case dict():
            return "{" + ",".join(f"{spelled(k, chance)}:{spelled(v, chance)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(spelled(it, chance) for it in value) + "]"
        case _:
            return json.dumps(value)
