#!/usr/bin/env python3
"""Holds our request parser against llhttp and h11: on random and corpus input, wherever the two agree, we agree.

Three readings of the same bytes are walked request by request up to the first at which they part. Whatever parts us from one of the two
must stand in the tables below with its clause, or it is an error; two readings of one accepted request (another target, body or
end) are always an error: that is what request smuggling is made of.
"""

import argparse
import collections
import os
import random
import sys
from pathlib import Path

import inputs
import parsers

ROOT = Path(__file__).resolve().parents[2]

# What we refuse although both accept it: the beginning of our words → why.
STRICTER = {
    "more than one Host field": "RFC 9112, section 3.2: more than one Host must be answered 400",
    "the Host field is not valid": "RFC 9112, section 3.2: an invalid Host must be answered 400; neither parser looks into it",
    "the target's host is not valid": "RFC 9110, sections 4.2.1 and 4.2.4: an empty host must be rejected, user information is an error",
    "the target is neither a path nor an http URL": "RFC 9112, section 3.2: the four forms of a target, `*` for OPTIONS only",
    "the target holds a character that is not allowed": "RFC 9112, section 3.2: no form of a target has a fragment; bytes from 0x80 are no URI",
    "CONNECT needs a host and a port": "RFC 9112, section 3.2.3: the authority form",
    "Transfer-Encoding in HTTP/1.0": "RFC 9112, section 6.1: the framing must be treated as faulty",
    "505": "RFC 9110, section 15.6.6: major versions other than 1 are not HTTP/1.1 messages",
    "more than one Content-Length field": "RFC 9112, section 6.3: equal duplicates may be refused, and are",
    "Content-Length is not a number": "RFC 9112, section 6.3: a list of equal lengths may be refused, and is",
    "both Transfer-Encoding and Content-Length": "RFC 9112, section 6.1: may be rejected, and is (section 11.2, smuggling)",
    "a chunk extension is not valid": "RFC 9112, section 7.1.1: the grammar of extensions is checked",
    "a chunk's size line holds a character": "RFC 9112, section 7.1.1: the grammar of extensions is checked",
    "a chunk size is too large": "RFC 9112, section 7.1: 15 digits are enough for any size, and cannot overflow",
    "a line does not end with CR LF": "RFC 9112, section 2.2: a bare LF may be taken for a line's end, and is not",
    "a trailer": "RFC 9112, section 7.1.2: trailers are held to the grammar of fields",
    "the trailers do not end": "RFC 9112, section 7.1.2: trailers end with CR LF",
    "the request line has no method": "RFC 9112, section 3: a method of more than 32 bytes is not implemented",
    "the request line lacks a target or a version": "RFC 9112, section 3: HTTP/0.9's simple request is none of HTTP/1's",
    "414": "RFC 9112, section 3: a target longer than limits.max_url_bytes",
    "431": "RFC 6585, section 5: a head larger than limits.max_header_bytes, or of more fields than limits.max_headers",
    "413": "a chunk beyond the limit is refused before its data comes",
}

# What we take although this parser refuses it: the beginning of its words → why.
LAXER = {
    "llhttp": {
        "Invalid method encountered": "RFC 9110, section 9.1: any token is a method; unknown ones get 405",
        "Expected space after method": "the same, where the name begins like a known one",
        "Invalid method for HTTP/x.x request": "the same for methods of RTSP and ICE",
        "Expected HTTP/2 Connection Preface": "the same for PRI, which is HTTP/2 only with its whole preface",
        "Invalid HTTP version": "RFC 9110, section 2.5: a later minor version of HTTP/1 is read as 1.1",
        "Content-Length can't be present": "RFC 9112, section 7.1.2: it stands in the trailers, which are dropped, never merged",
        "Invalid `Transfer-Encoding` header value": "RFC 9110, section 5.6.1: empty elements of a list are ignored (`chunked,`); or it is a trailer",
        "Empty Transfer-Encoding": "RFC 9110, section 5.6.1: the same over two fields; or it is a trailer",
        "Invalid character in chunk size": "RFC 9112, section 7.1.1: white space before an extension (BWS) is read",
        "Invalid character in chunk extensions": "RFC 9112, section 7.1.1: white space within an extension (BWS) is read",
        "Empty Content-Length": "RFC 9112, section 7.1.2: it stands in the trailers",
        "Invalid character in Content-Length": "RFC 9112, section 7.1.2: it stands in the trailers",
        "Content-Length overflow": "RFC 9112, section 7.1.2: it stands in the trailers",
        "Transfer-Encoding can't be present": "RFC 9112, section 7.1.2: it stands in the trailers",
    },
    "h11": {
        "no request line received": "RFC 9112, section 2.2: one empty line before a request line is ignored",
        "bad Content-Length": "RFC 9112, section 7.1.2: in the trailers, which are dropped, never merged; or section 6.3: more than 20 digits",
        "conflicting Content-Length": "RFC 9112, section 7.1.2: it stands in the trailers",
        "Only Transfer-Encoding: chunked is supported": "RFC 9110, section 5.6.1: empty elements of a list are ignored (`chunked,`); or it is a trailer",
        "multiple Transfer-Encoding headers": "RFC 9110, section 5.6.1: an empty field besides `chunked` adds nothing; or it is a trailer",
        "illegal chunk header": "RFC 9112, section 7.1.1: white space around an extension (BWS) is read",
        "closed": "RFC 9112, section 9.3: HTTP/1.0 with `keep-alive` goes on; h11 always ends it",
    },
}


def lookup(table, words):
    return next((key for key in table if words.startswith(key)), None)


class Comparison:
    def __init__(self, program):
        self.program = program
        self.counts = {name: collections.Counter() for name in ("ours", "llhttp", "h11")}
        self.stricter, self.laxer = collections.Counter(), collections.Counter()
        self.agreed = self.outcomes = self.requests = 0
        self.errors = []

    def run(self, batch):
        # What we leave open is asked again with its line and head completed, so that a mistake in it shows.
        ours = parsers.ours(self.program, batch)
        completed = parsers.ours(self.program, [data + b"\r\n\r\n" for data in batch])
        for data, mine, padded in zip(batch, ours, completed):
            theirs = {"llhttp": parsers.llhttp(data), "h11": parsers.h11_reading(data)}
            for name, reading in {"ours": mine, **theirs}.items():
                self.counts[name]["accept" if reading.accepts else reading.verdict] += 1
            if error := self.compare(data, mine, padded, theirs):
                self.errors.append((data, error))

    def compare(self, data, mine, padded, theirs):
        """A breach as text, or None."""
        for index in range(len(mine.complete) + 1):
            steps = {name: self.step(reading, index) for name, reading in theirs.items()}
            if any(step == "upgrade" for step, _ in steps.values()):
                # RFC 9110, section 7.8: an Upgrade may be ignored, and is; so may CONNECT's tunnel.
                return None
            step, words = self.step(mine, index)
            self.outcomes += 1
            if isinstance(step, parsers.Message):
                self.requests += 1
                if error := self.accepted(step, steps):
                    return error
                if not all(isinstance(other, parsers.Message) for other, _ in steps.values()):
                    return None
            else:
                return self.ended(data, step, words, padded, steps)
        return None

    @staticmethod
    def step(reading, index):
        complete = reading.complete
        # How an Upgrade's own body is read is a matter of what follows it.
        if reading.verdict == "upgrade" and index >= len(complete) - 1:
            return "upgrade", ""
        return (complete[index], "") if index < len(complete) else (reading.verdict, reading.reason)

    def accepted(self, message, steps):
        for name, (other, words) in steps.items():
            if isinstance(other, parsers.Message):
                if not message.same_as(other):
                    return f"{name} reads another request: {other} instead of {message}"
            elif other == "incomplete":
                return f"{name} awaits more where we have a request: {message}"
            elif (key := lookup(LAXER[name], words if other == "reject" else other)) is None:
                return f"{name} says {other} ({words}) where we have a request: {message}"
            else:
                self.laxer[name, key] += 1
        if all(isinstance(other, parsers.Message) for other, _ in steps.values()):
            self.agreed += 1
            first, second = (other for other, _ in steps.values())
            # Both merge trailers into the fields in their own ways; without them the fields must be the same.
            if first.fields == second.fields and message.fields != first.fields:
                return f"other fields than both: {message.fields} and {first.fields}"
        return None

    def ended(self, data, verdict, words, padded, steps):
        others = {"accept" if isinstance(other, parsers.Message) or other in ("clean", "closed") else other for other, _ in steps.values()}
        exact = {"accept" if isinstance(other, parsers.Message) else other for other, _ in steps.values()}
        if "closed" in exact and exact != {"closed"} and verdict != "closed":
            # h11 ends HTTP/1.0's connections always: it has no say in what follows.
            return None
        if verdict == "reject":
            if "reject" in others:
                self.agreed += exact == {"reject"}
                return None
            if (key := lookup(STRICTER, words)) is None:
                if "incomplete" in exact and "reject" in {parse(data + b"\r\n\r\n").verdict for parse in (parsers.llhttp, parsers.h11_reading)}:
                    # They only wait for the line's or the head's end to say the same.
                    return None
                return f"we refuse ({words}) what both take"
            self.stricter[key] += 1
            return None
        if verdict == "incomplete":
            if exact == {"reject"} and padded.verdict != "reject" and any(
                    lookup(LAXER[name], told) is None for name, (_, told) in steps.items()):
                return "we await more where both refuse, and do not refuse it later either"
            if exact == {"accept"}:
                return "we await more where both have a request"
            self.agreed += exact in ({"incomplete"}, {"reject"})
            return None
        # The end of the input, or of the connection by the last request.
        if exact == {"reject"} and verdict == "clean":
            return "we see nothing where both refuse"
        if exact == {"accept"}:
            return f"{verdict} where both have one more request"
        self.agreed += exact == {verdict}
        return None

    def show(self):
        print(f"{'':8}{'accept':>9}{'refuse':>9}{'open':>9}{'upgrade':>9}")
        for name, counts in self.counts.items():
            print(f"{name:8}{counts['accept']:9}{counts['reject']:9}{counts['incomplete']:9}{counts['upgrade']:9}")
        print(f"{self.requests} requests read by us, {self.outcomes} steps compared, {self.agreed} of them with all three alike")
        for key, count in self.stricter.most_common():
            print(f"  refused by us alone {count:6}  {key}: {STRICTER[key]}")
        for (name, key), count in self.laxer.most_common():
            print(f"  refused by {name:6}   {count:6}  {key}: {LAXER[name][key]}")
        for data, error in self.errors[:10]:
            print(f"DIFFERENT: {error}\n  input: {data!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50000, help="inputs; default: %(default)s")
    parser.add_argument("--seed", type=int, help="repeats a run; default: another one each time")
    parser.add_argument("--program", type=Path, default=ROOT / ".build/release/HTTPVerdicts")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    path = Path(os.environ.get("XTGATEWAY_CORPORA", ROOT / "../shared/corpora")) / "http-cases.jsonl"
    cases = inputs.corpus(path)
    print(f"seed {seed}, {options.count} inputs, " + (f"{len(cases)} of the corpus as they are" if cases else f"no corpus at {path}"))
    comparison = Comparison(options.program)
    comparison.run(cases)
    generator = inputs.Generator(random.Random(seed), cases)
    for start in range(0, options.count, 10000):
        comparison.run([generator.input() for _ in range(min(10000, options.count - start))])
    comparison.show()
    return 1 if comparison.errors else 0


if __name__ == "__main__":
    sys.exit(main())
