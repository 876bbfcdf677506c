"""Random requests: mostly right, with now and then one of the things that parsers have disagreed about."""

import base64
import json

METHODS = [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"]
ODD_METHODS = [b"get", b"BREW", b"", b"G T", b"GE\tT", b"M-SEARCH", b"PRI", b"G\x00T", b"X" * 33, b"TRACE", b"-x"]
TARGETS = [b"/", b"/v1/chat/completions", b"/a?b=c&d", b"/%41%2f", b"//x", b"/a;b", b"http://a/x?y", b"http://a", b"https://a:1/"]
ODD_TARGETS = [b"*", b"", b"a", b"/a#b", b"/\xc3\xa9", b"/\x7f", b"/\x00", b"/a b", b"http:///x", b"http://u@a/", b"/{|}", b"/\\\"<>^`",
               b"/\t", b"ftp://a/", b"a:1", b"?x", b"/" + b"x" * 300]
VERSIONS = [b"HTTP/1.1"] * 12 + [b"HTTP/1.0"] * 3
ODD_VERSIONS = [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10", b"HTTP/1,1", b"HTTP/11", b"", b"HTTP/1.1 ", b"HTTP/1.1x",
                b"ICE/1.0", b"HTTP/3.1"]
NAMES = [b"Accept", b"X-A", b"User-Agent", b"Cookie", b"x!#$%&'*+-.^_`|~1"]
ODD_NAMES = [b"", b" X", b"X ", b"X\t", b"X(", b"X\x00", b"\xc3\xa9", b"X:Y", b"X,", b"\tX", b"X\x7f", b"X\x0b", b'"X"', b"[X]"]
VALUES = [b"a", b"", b"a b\tc", b"\"q, r\"", b"caf\xc3\xa9", b"\xff\xfe", b"a:b", b"  padded \t"]
ODD_VALUES = [b"a\x00b", b"a\rb", b"a\nb", b"a\x7f", b"a\x1bb", b"\x0b", b"a\r\n b", b"a\r\n\tb", b"\r\n x", b"\r\r", b"a\x0cb", b"\x01"]
HOSTS = [b"a", b"a.example:8000", b"[::1]:1", b"127.0.0.1"]
ODD_HOSTS = [b"", b"a b", b"a/b", b"a@b", b"a, b", b"a:x", b"a:1:2", b"<a>", b"a\xc3\xa9", b"a#", b"a:"]
LENGTHS = [b"+5", b"-5", b"5,5", b"5, 5", b"0x5", b"5 5", b"", b"05", b"5.0", b"18446744073709551621", b"9223372036854775808", b"5;", b"five",
           b"\xd9\xa5", b"5\t", b"00000000000000000000005"]
CODINGS = [b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked", b"chunked,", b",chunked", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
           b"identity", b"xchunked", b"chunked;a=b", b"gzip", b"\"chunked\"", b"", b"chunked\x0b", b"chunke", b"identity, chunked", b"\x00chunked"]
CONNECTIONS = [b"close", b"keep-alive", b"Close", b"close, x", b"x,keep-alive", b"closed", b"keep-alive, close", b"content-length"]
LINE_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\r\n ", b""]
SIZES = [b"0x5", b"5 ", b" 5", b"+5", b"-5", b"", b"5h", b"05", b"00005", b"0000000000000005", b"FFFFFFFFFFFFFFFF", b"10000000000000005", b"5\t", b"5,",
         b"5_", b"\xd9\xa5", b"5\x00"]
EXTENSIONS = [b";a", b";a=b", b';a="b"', b"; a = b", b';a="b;\\"c"', b";", b";;", b";a=", b"; =b", b';a="b', b" ;a", b";a\x00", b";a=b\x01", b";a\nb",
              b";a=\"\r\n\"", b"\x0b;a", b";\xc3\xa9"]


class Generator:
    """`oddity`: the chance of each place to be odd."""

    def __init__(self, random, corpus=()):
        self.random = random
        self.corpus = list(corpus)
        self.oddity = 0.05

    def pick(self, usual, odd):
        return self.random.choice(odd if self.random.random() < self.oddity else usual)

    def end(self):
        return self.pick([b"\r\n"], LINE_ENDS)

    def field(self, name, value):
        colon = self.pick([b": ", b": ", b":", b":\t"], [b" : ", b"\t:", b"", b"::", b":\r\n "])
        return name + colon + value + self.end()

    def body_and_fields(self):
        random = self.random
        data = random.choice([b"", b"hello", b"{}", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", b"0\r\n\r\n"])
        kind = random.random()
        if kind < 0.4:
            return (data if random.random() < 0.1 else b""), []
        if kind < 0.7:
            length = self.pick([str(len(data)).encode()], LENGTHS + [str(max(0, len(data) + random.choice([-1, 1, 5]))).encode()])
            fields = [self.field(self.pick([b"Content-Length", b"content-length"], [b"Content-Length ", b"Content_Length"]), length)]
            if random.random() < self.oddity:
                fields.append(self.field(b"Content-Length", random.choice([length, b"0", b"6"])))
            if random.random() < self.oddity:
                fields.append(self.field(b"Transfer-Encoding", random.choice([b"chunked", *CODINGS])))
            return data, fields
        fields = [self.field(self.pick([b"Transfer-Encoding", b"transfer-encoding"], [b"Transfer-Encoding ", b"Transfer_Encoding"]),
                             self.pick([b"chunked"], CODINGS))]
        if random.random() < self.oddity:
            fields.append(self.field(b"Transfer-Encoding", random.choice(CODINGS)))
        return self.chunked(data), fields

    def chunked(self, data):
        random, out = self.random, b""
        while data:
            part, data = data[: (size := random.randint(1, len(data)))], data[size:]
            digits = self.pick([b"%x" % len(part), b"%X" % len(part), b"0%x" % len(part)], SIZES)
            extension = random.choice(EXTENSIONS) if random.random() < 2 * self.oddity else b""
            out += digits + extension + self.end() + part + self.end()
        out += self.pick([b"0", b"00"], [b"", b"0x0", b"-0"]) + self.end()
        while random.random() < 2 * self.oddity:
            out += self.field(self.pick([b"T", b"Content-Length", b"Host"], ODD_NAMES), self.pick(VALUES, ODD_VALUES))
        return out + self.end()

    def request(self):
        random = self.random
        line = (self.pick(METHODS, ODD_METHODS) + self.pick([b" "], [b"  ", b"\t", b""]) + self.pick(TARGETS, ODD_TARGETS)
                + self.pick([b" "], [b"  ", b"\t", b""]) + self.pick(VERSIONS, ODD_VERSIONS) + self.end())
        body, fields = self.body_and_fields()
        if random.random() > self.oddity:
            fields.append(self.field(self.pick([b"Host", b"host"], [b"Host ", b"HOST"]), self.pick(HOSTS, ODD_HOSTS)))
        if random.random() < self.oddity:
            fields.append(self.field(b"Host", random.choice(HOSTS)))
        if random.random() < 0.15:
            fields.append(self.field(b"Connection", random.choice(CONNECTIONS)))
        if random.random() < 0.05:
            fields.append(self.field(b"Expect", self.pick([b"100-continue"], [b"200-ok", b"100-continue, x"])))
        for _ in range(random.randint(0, 2)):
            fields.append(self.field(self.pick(NAMES, ODD_NAMES), self.pick(VALUES, ODD_VALUES)))
        random.shuffle(fields)
        front = self.pick([b""], [b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\r", b"\x00", b"\xef\xbb\xbf"])
        return front + line + b"".join(fields) + self.end() + body

    def mutate(self, data):
        random, data = self.random, bytearray(data)
        for _ in range(random.choice([1, 1, 1, 2, 4])):
            at = random.randint(0, len(data))
            kind = random.random()
            if kind < 0.35:
                data[at:at] = random.choice([b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b",", b"0", b";", bytes([random.randrange(256)])])
            elif kind < 0.65:
                del data[at : at + random.choice([1, 1, 2, 8])]
            elif kind < 0.9 and at < len(data):
                data[at] = random.randrange(256)
            else:
                other = random.randint(0, len(data))
                data[at:at] = data[min(at, other) : max(at, other)][:64]
        return bytes(data)

    def input(self):
        random = self.random
        self.oddity = random.choice([0, 0.02, 0.05, 0.15])
        if self.corpus and random.random() < 0.3:
            data = random.choice(self.corpus)
            if random.random() < 0.3:
                data += self.request()
        else:
            data = b"".join(self.request() for _ in range(random.choice([1, 1, 1, 2, 3])))
        if random.random() < 0.3:
            data = self.mutate(data)
        if random.random() < 0.05:
            data = data[: random.randint(0, len(data))]
        return data


def corpus(path):
    """The requests of http-cases.jsonl; a Host is added where a case has none, since we insist on it."""
    cases = []
    if path.is_file():
        for line in path.read_text().splitlines():
            case = json.loads(line)
            data = base64.b64decode(case["b64"])
            cases.append(data)
            head, found, rest = data.partition(b"\r\n")
            if not case["has_host"] and found and head:
                cases.append(head + b"\r\nHost: added.example\r\n" + rest)
    return cases
