"""Writes Chakra execution traces byte by byte, by the wire format of protocol buffers and the schema's field numbers."""

COMPUTE, SEND, RECEIVE, COLLECTIVE = 4, 5, 6, 7
ALL_REDUCE, ALL_GATHER = 0, 2


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    if isinstance(value, bool):
        return text(10, text(1, name) + number(27, value))
    return text(10, text(1, name) + (text(29, value) if isinstance(value, str) else number(9, value)))


def node(id, name, kind=COMPUTE, us=0, control=(), data=(), start=0, shapes="", types="", packed=True, **attributes):
    out = number(1, id) + text(2, name) + number(3, kind)
    for field, ids in ((4, control), (5, data)):
        if packed and ids:
            out += text(field, b"".join(map(varint, ids)))
        else:
            out += b"".join(number(field, i) for i in ids)
    out += number(6, start) + number(7, us)
    if shapes:
        out += text(8, text(2, shapes) + text(3, types))
    return out + b"".join(attribute(*pair) for pair in attributes.items())


def message(body):
    return varint(len(body)) + body


def trace(*nodes):
    return message(text(1, "0.0.4")) + b"".join(map(message, nodes))
