"""Figures of a cluster's TOML, read and changed by "table.key"."""
import re


def span(text, table):
    begin = text.index(f"[{table}]")
    end = text.find("\n[", begin + 1)
    return begin, len(text) if end < 0 else end


def set_key(text, key, value):
    table, name = key.split(".")
    begin, end = span(text, table)
    part = text[begin:end]
    if re.search(rf"^{name} =", part, flags=re.MULTILINE):
        part = re.sub(rf"^{name} = [0-9.e+-]+", f"{name} = {value}", part, flags=re.MULTILINE)
    else:
        part = part.rstrip() + f"\n{name} = {value}\n"
    return text[:begin] + part + text[end:]


def get_key(text, key):
    """None where the description does not say."""
    table, name = key.split(".")
    begin, end = span(text, table)
    found = re.search(rf"^{name} = ([0-9.e+-]+)", text[begin:end], flags=re.MULTILINE)
    return float(found[1]) if found else None
