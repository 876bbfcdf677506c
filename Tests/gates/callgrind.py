"""Reads what callgrind has counted."""

import collections
import re

ALLOCATIONS = {"malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc"}


def read(path):
    """Instructions by object file, and calls of the allocating functions as "allocations"."""
    names = {}
    counts = collections.Counter()
    objects = called = None
    is_call = False

    def name(kind, text):
        number, rest = re.match(r"\((\d+)\)(?: (.*))?", text).groups()
        if rest:
            names[kind, number] = rest
        return names[kind, number]

    with open(path, errors="replace") as lines:
        for line in lines:
            key, _, rest = line.rstrip("\n").partition("=")
            if key == "ob":
                objects = name("ob", rest).rpartition("/")[2]
            elif key == "cob":
                name("ob", rest)
            elif key == "fn":
                name("fn", rest)
            elif key == "cfn":
                called = name("fn", rest)
            elif key == "calls":
                is_call = True
                if called in ALLOCATIONS:
                    counts["allocations"] += int(rest.split()[0])
            elif line[0] in "0123456789+-*":
                # Behind `calls` stands what the called function took, which is counted where it was spent.
                if not is_call:
                    counts[objects] += int(line.split()[1])
                is_call = False
    counts["instructions"] = sum(count for key, count in counts.items() if key != "allocations")
    return counts
