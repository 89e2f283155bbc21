#!/usr/bin/env python3
"""Compares the message tables (core/wire/schema/*.h) with Kafka's own schemas, field by field in every version.

usage: compare_schemas.py FOLDER...

FOLDER holds Kafka's message schemas, which are not part of this repository: clients/src/main/resources/common/message
and, for the stored records, the */src/main/resources/common/message folders of metadata, group-coordinator and
transaction-coordinator in Kafka's sources. Subfolders are looked into. For every table whose name has a schema there the
names, order, types, nullability, tags, defaults and the first flexible version must be the same in every version that
both describe. Differences are printed; exit code 1 when there are any.
"""
import json
import os
import re
import sys

ALWAYS = 32767
NUMBERS = {"LAST": ALWAYS, "NEVER": ALWAYS, "UNTAGGED": -1, "DEFAULT_NULL": None, "INT32_MIN": -(2**31),
           "INT32_MAX": 2**31 - 1, "INT64_MAX": 2**63 - 1, "INT64_MIN": -(2**63), "INT16_MIN": -(2**15)}
TYPES = {"bool": "bool", "int8": "i8", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32", "int64": "i64",
         "float64": "f64", "string": "str", "bytes": "bytes", "records": "records", "uuid": "uuid"}


def number(text):
    return NUMBERS[text] if text in NUMBERS else int(text, 0)


def read_tables(folder):
    structs, schemas = {}, []
    for name in sorted(os.listdir(folder)):
        text = open(os.path.join(folder, name), encoding="utf-8").read().replace("\\\n", " ")
        macros = {}
        for macro, body in re.findall(r"^#define (\w+)\(ONE, LIST, MANY, PART, M\)(.*)$", text, re.M):
            rows = re.findall(r"(ONE|LIST|MANY|PART)\(M, ([^)]*)\)", body)
            macros[macro] = [(kind, [a.strip() for a in args.split(",")]) for kind, args in rows]
        for struct, macro in re.findall(r"^WIRE_STRUCT\((\w+), (\w+)\)", text, re.M):
            structs[struct] = macros[macro]
        for args in re.findall(r"^WIRE_SCHEMA\(([^)]*)\)", text, re.M):
            schemas.append([a.strip() for a in args.split(",")])
    return structs, schemas


def plain(name):
    return name.replace("_", "").lower()


def of_table(structs, struct, version):
    """The fields of a struct in a version: (name, kind, type or fields, nullable, tag, default)."""
    fields = []
    for kind, args in structs[struct]:
        kind_of, name, since, until, null, tag = args[0], args[1], *map(number, args[2:6])
        if not since <= version <= until:
            continue
        inner = of_table(structs, kind_of, version) if kind in ("MANY", "PART") else kind_of
        default = number(args[6]) if kind == "ONE" else 0
        fields.append((plain(name), kind, inner, null != ALWAYS and version >= null, tag, default))
    return fields


def versions(text):
    if text is None or text == "none":
        return (1, 0)
    low, _, high = text.partition("-")
    return (int(low[:-1]), ALWAYS) if low.endswith("+") else (int(low), int(high or low))


def within(text, version):
    low, high = versions(text)
    return low <= version <= high


def default_of(field, kind):
    value = field.get("default", 0)
    if value == "null":
        return None
    if kind == "str" or value == "":
        return 0
    return {"true": 1, "false": 0, True: 1, False: 0}.get(value, value if isinstance(value, int) else None) \
        if not isinstance(value, str) or value in ("true", "false") else int(value, 0)


def of_schema(fields, common, version):
    result = []
    for field in fields:
        if not within(field.get("versions", field.get("taggedVersions")), version):
            continue
        type_name = field["type"]
        is_array, element = type_name.startswith("[]"), type_name.removeprefix("[]")
        inner = TYPES.get(element)
        kind = "LIST" if is_array else "ONE"
        if inner is None:
            kind = "MANY" if is_array else "PART"
            inner = of_schema(field.get("fields") or common[element], common, version)
        tag = field["tag"] if within(field.get("taggedVersions"), version) else -1
        default = default_of(field, inner) if kind == "ONE" else 0
        result.append((plain(field["name"]), kind, inner, within(field.get("nullableVersions"), version), tag, default))
    return result


def order(fields):
    """Tagged fields travel by tag, wherever they stand."""
    return [f for f in fields if f[4] < 0] + sorted((f for f in fields if f[4] >= 0), key=lambda f: f[4])


def compare(where, ours, theirs, found):
    ours, theirs = order(ours), order(theirs)
    if [f[0] for f in ours] != [f[0] for f in theirs]:
        found.append(f"{where}: fields {[f[0] for f in ours]}, Kafka {[f[0] for f in theirs]}")
        return 0
    count = len(ours)
    for own, other in zip(ours, theirs):
        if isinstance(own[2], list) and isinstance(other[2], list):
            count += compare(f"{where}.{own[0]}", own[2], other[2], found)
            own, other = own[:2] + (None,) + own[3:], other[:2] + (None,) + other[3:]
        if own != other:
            found.append(f"{where}.{own[0]}: {own[1:]}, Kafka {other[1:]}")
    return count


def load(folders):
    schemas = {}
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in sorted(names):
                if name.endswith(".json"):
                    text = re.sub(r"^\s*//.*$|(?<=[\s,\]}])//.*$", "", open(os.path.join(path, name), encoding="utf-8").read(), flags=re.M)
                    document = json.loads(text)
                    schemas[document["name"]] = document
    return schemas


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    structs, tables = read_tables(os.path.join(here, "../../core/wire/schema"))
    schemas, found, compared, messages, missing = load(sys.argv[1:]), [], 0, 0, []
    for struct, name, _, low, high, flexible in tables:
        if name not in schemas:
            missing.append(name)
            continue
        schema = schemas[name]
        first, last = versions(schema["validVersions"])
        if schema.get("type", "").endswith("-key"): # a key's own version is its type; its fields never change
            first, last = 0, 0
        messages += 1
        common = {c["name"]: c["fields"] for c in schema.get("commonStructs", [])}
        for version in range(max(first, int(low)), min(last, int(high)) + 1):
            compared += compare(f"{name} {version}", of_table(structs, struct, version),
                                of_schema(schema["fields"], common, version), found)
        theirs, ours = versions(schema["flexibleVersions"])[0], number(flexible)
        if schema["flexibleVersions"] == "none":
            theirs = ALWAYS
        if theirs != ours and (theirs <= int(high) or ours <= int(high)):
            found.append(f"{name}: flexible from {ours}, Kafka from {theirs}")
    for line in found:
        print(line)
    print(f"{messages} messages, {compared} fields in all versions, {len(found)} differences; "
          f"without a schema: {', '.join(missing) or 'none'}")
    sys.exit(1 if found else 0)


main()
