"""Requests that two HTTP parsers could read differently, as bytes. Each carries a second request in what may or may not be
its body: a server that reads it where a proxy in front did not has been deceived (request smuggling).
"""

INNER = b"GET /smuggled HTTP/1.1\r\nHost: %(host)s\r\nX-Request-Id: smuggled-request\r\n\r\n"
MANY = b"".join(b"h%d: v\r\n" % n for n in range(65))

# name, head after the request line and Host, bytes after the head, status.
HEADS = [
    ("length and chunks", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    ("chunks and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n", 400),
    ("length 0 and chunks", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    ("two lengths", b"Content-Length: 0\r\nContent-Length: 5\r\n", b"", 400),
    ("one length twice", b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello", 400),
    ("a list of lengths", b"Content-Length: 5, 5\r\n", b"hello", 400),
    ("a signed length", b"Content-Length: +5\r\n", b"hello", 400),
    ("a negative length", b"Content-Length: -1\r\n", b"", 400),
    ("a hexadecimal length", b"Content-Length: 0x5\r\n", b"hello", 400),
    ("a length with a space", b"Content-Length: 5 0\r\n", b"hello", 400),
    ("no length", b"Content-Length:\r\n", b"", 400),
    ("a length beyond 64 bits", b"Content-Length: 18446744073709551621\r\n", b"hello", 400),
    ("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    ("chunked twice in one line", b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n", 400),
    ("chunked and identity", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n", 400),
    ("identity", b"Transfer-Encoding: identity\r\n", b"", 400),
    ("another coding", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 400),
    ("a coding before", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 400),
    ("a coding with a quote", b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n", 400),
    ("an empty coding", b"Transfer-Encoding:\r\n", b"", 400),
    ("a vertical tab before the coding", b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n", 400),
    ("a space before the colon", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n", 400),
    ("a tab before the colon", b"Content-Length\t: 5\r\n", b"hello", 400),
    ("a folded line", b"A: b\r\n Content-Length: 5\r\n", b"", 400),
    ("a folded coding", b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n", 400),
    ("a first line that is folded", b" A: b\r\n", b"", 400),
    ("a bare LF", b"A: b\nContent-Length: 5\r\n", b"", 400),
    ("a bare CR", b"A: b\rContent-Length: 5\r\n", b"", 400),
    ("a NUL", b"A: b\0\r\n", b"", 400),
    ("a line without a colon", b"nothing\r\n", b"", 400),
    ("a line without a name", b": nothing\r\n", b"", 400),
    ("a name with a control character", b"A\x01: b\r\n", b"", 400),
    ("two hosts", b"Host: elsewhere\r\n", b"", 400),
    ("many lines", MANY, b"", 431),
    ("a long line", b"Long: " + b"x" * 40_000 + b"\r\n", b"", 431),
]

# name, whole request, status.
WHOLE = [
    ("lines that end in LF", b"GET %(path)s HTTP/1.1\nHost: %(host)s\n\n", 400),
    ("a last line that ends in LF", b"GET %(path)s HTTP/1.1\r\nHost: %(host)s\r\n\n", 400),
    ("a request line that ends in LF", b"GET %(path)s HTTP/1.1\nHost: %(host)s\r\n\r\n", 400),
    ("no host", b"GET %(path)s HTTP/1.1\r\n\r\n", 400),
    ("another host in the target", b"GET http://elsewhere%(path)s HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a user in the target", b"GET http://u@%(host)s%(path)s HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("another scheme in the target", b"GET ftp://%(host)s%(path)s HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a space in the target", b"GET %(path)s a HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("two spaces", b"GET  %(path)s HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a tab for a space", b"GET\t%(path)s HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a fragment", b"GET %(path)s#a HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a control character in the target", b"GET %(path)s\x01 HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("a relative target", b"GET a HTTP/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("no version", b"GET %(path)s\r\n\r\n", 400),
    ("HTTP/0.9 with a host", b"GET %(path)s HTTP/0.9\r\nHost: %(host)s\r\n\r\n", 505),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("a lower-case version", b"GET %(path)s http/1.1\r\nHost: %(host)s\r\n\r\n", 400),
    ("chunks in HTTP/1.0", b"POST %(path)s HTTP/1.0\r\nHost: %(host)s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400),
    ("no HTTP", b"hello\r\n\r\n", 400),
]

# Chunks that end their request in an error: name, body.
CHUNKS = [
    ("a chunk size that ends in LF", b"5\nhello\r\n0\r\n\r\n"),
    ("a last chunk that ends in LF", b"0\n\r\n"),
    ("a final line that ends in LF", b"0\r\n\n"),
    ("a chunk that is longer than its size", b"5\r\nhello!\r\n0\r\n\r\n"),
    ("a chunk that ends in LF", b"5\r\nhello\n0\r\n\r\n"),
    ("a signed size", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("a negative size", b"-1\r\nhello\r\n0\r\n\r\n"),
    ("a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("a size after a space", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("a size before a space", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("a size beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("an extension with LF", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("a trailer that ends in LF", b"0\r\nA: b\n\r\n"),
    ("no size", b"\r\nhello\r\n0\r\n\r\n"),
]

# Unusual and unambiguous: name, request. None is answered 400 by the API door.
PLAIN = [
    ("an empty line before", b"\r\nGET %(path)s HTTP/1.1\r\nHost: %(host)s\r\nConnection: close\r\n\r\n"),
    ("names in any case", b"GET %(path)s HTTP/1.1\r\nhOST: %(host)s\r\ncONNECTION: CLOSE\r\n\r\n"),
    ("the same host in the target", b"GET http://%(host)s%(path)s HTTP/1.1\r\nHost: %(host)s\r\nConnection: close\r\n\r\n"),
    ("UTF-8 in the target", b"GET %(path)s\xc3\xa9 HTTP/1.1\r\nHost: %(host)s\r\nConnection: close\r\n\r\n"),
    ("UTF-8 in a value", b"GET %(path)s HTTP/1.1\r\nHost: %(host)s\r\nA: \xc3\xa9\t \r\nConnection: close\r\n\r\n"),
    ("an empty value", b"GET %(path)s HTTP/1.1\r\nHost: %(host)s\r\nA:\r\nConnection: close\r\n\r\n"),
    ("64 lines", b"GET %(path)s HTTP/1.1\r\nHost: %(host)s\r\nConnection: close\r\n" + b"".join(b"h%d: v\r\n" % n for n in range(62)) + b"\r\n"),
    ("length 0", b"POST %(path)s HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ("chunks with extension and trailer", b"POST %(path)s HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"
     b"5;a=\"b c\"\r\nhello\r\n0;x\r\nT: v\r\n\r\n"),
]  # fmt: skip


def filled(template, host, path):
    return template.replace(b"%(host)s", host).replace(b"%(path)s", path)


def hostile(host, path):
    """Every ambiguous request with a second one behind it: name, bytes, status. Chunks have no status: the request they
    belong to may be refused before its body is read."""
    inner = filled(INNER, host, path)
    for name, head, after, status in HEADS:
        yield name, filled(b"POST %(path)s HTTP/1.1\r\nHost: %(host)s\r\n", host, path) + head + b"\r\n" + after + inner, status
    for name, whole, status in WHOLE:
        yield name, filled(whole, host, path) + inner, status
    for name, body in CHUNKS:
        head = b"POST %(path)s HTTP/1.1\r\nHost: %(host)s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield name, filled(head, host, path) + body + inner, None


def plain(host, path):
    for name, whole in PLAIN:
        yield name, filled(whole, host, path)
