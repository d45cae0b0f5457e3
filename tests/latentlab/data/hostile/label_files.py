"""Label files, bad ones and odd ones. The truth about picture n is the same in all."""

import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tests.latentlab.data.hostile.pieces import patched

COUNT = 12
IDS = tuple(f"{n:06d}.jpg" for n in range(1, COUNT + 1))
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
IDENTITY = "identity_CelebA"
POINTS = "list_landmarks_align_celeba"


def smiles(n: int) -> bool:
    return n % 2 == 1


def male(n: int) -> bool:
    return n % 3 == 0


@dataclass(frozen=True)
class LabelFiles:
    """Label files for the pictures 000001.jpg to 000012.jpg.

    Attributes:
        layout: "celeba", or "table" for `labels` of an image folder.
        files: Name -> content; None makes a folder of that name.
        names: What the complaint must name: the file, and line or key where there is one.
        rows: Only rows are wrong, so that they can be skipped.
        refused: With rows skipped, or nothing wrong: how many rows are refused, and those keys.
        unknown: Pictures that are used although nothing is known about them.
    """

    name: str
    layout: str
    files: dict[str, bytes | None]
    names: tuple[str, ...] = ()
    rows: bool = False
    refused: tuple[str, ...] = ()
    unknown: frozenset[str] = field(default_factory=frozenset)

    @property
    def table(self) -> str:
        """The file that `labels` of an image folder names."""
        return next(iter(self.files))


def attribute_rows(no: str = "-1", yes: str = "1", between: str = " ") -> list[str]:
    return [
        between.join((name, yes if smiles(n) else no, yes if male(n) else no))
        for n, name in enumerate(IDS)
    ]


def partition_rows(between: str = " ") -> list[str]:
    return [f"{name}{between}{n % 3}" for n, name in enumerate(IDS)]


def text(*lines: str, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def attributes_text(rows: list[str], count: int | None = None) -> bytes:
    return text(str(len(rows) if count is None else count), "Smiling Male", *rows)


def attributes_csv(rows: list[str], head: str = "image_id,Smiling,Male") -> bytes:
    return text(head, *rows)


def changed(rows: list[str], place: int, row: str) -> list[str]:
    return [*rows[:place], row, *rows[place + 1 :]]


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def truth_frame(keys: tuple[object, ...] = IDS) -> pd.DataFrame:
    numbers = range(len(keys))
    return pd.DataFrame(
        {"image_id": keys, "Smiling": map(smiles, numbers), "Male": map(male, numbers)}
    )


def bad_labels(seed: int) -> Iterator[LabelFiles]:
    """Each must lead to an error that names its file."""
    rng = np.random.default_rng(seed)
    yield from _bad_attributes(rng)
    yield from _bad_partitions(rng)
    yield from _bad_beside(rng)
    yield from _bad_tables(rng)


def _bad_attributes(rng: np.random.Generator) -> Iterator[LabelFiles]:
    plain, commas = attribute_rows(), attribute_rows(between=",")
    at = int(rng.integers(2, COUNT - 2))
    key, line = IDS[at], f"line {at + 3}"
    packed = lzma.compress(attributes_text(plain))
    words = f"{ATTRIBUTES}.txt"
    whole: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
        "count_too_high": (attributes_text(plain, COUNT + 5), ()),
        "count_too_low": (attributes_text(plain, COUNT - 1), ()),
        "count_negative": (attributes_text(plain, -COUNT), ()),
        "count_is_text": (text("many", "Smiling Male", *plain), ()),
        "count_missing": (text("Smiling Male", *plain), ()),
        "names_missing": (text(str(COUNT), *plain), ()),
        "cut_in_a_row": (attributes_text(plain)[:-40], ()),
        "row_too_short": (attributes_text(changed(plain, at, f"{key} 1")), (line,)),
        "row_too_long": (attributes_text(changed(plain, at, f"{key} 1 -1 1")), (line,)),
        "zero_among_minus": (attributes_text(changed(plain, at, f"{key} 0 1")), (line,)),
        "two_of_a_name": (text(str(COUNT), "Smiling Smiling", *plain), ("Smiling",)),
        "named_split": (text(str(COUNT), "Smiling split", *plain), ("split",)),
        "named_identity": (text(str(COUNT), "identity Male", *plain), ("identity",)),
        "named_image_id": (text(str(COUNT), "image_id Male", *plain), ("image_id",)),
        "empty": (b"", ()),
        "blank": (b"\n\n  \n", ()),
        "header_only": (text("0", "Smiling Male"), ()),
        "zero_bytes": (attributes_text(plain) + bytes(40), ()),
        "UTF-16": (attributes_text(plain).decode().encode("utf-16"), ()),
        "Latin-1": (attributes_text(plain).replace(b"Male", b"M\xe4nnlich"), ()),
        "noise": (rng.bytes(500), ()),
        "web_page": (b"<!DOCTYPE html><html>Quota exceeded</html>", ()),
        "other_pictures": (attributes_text([f"9{row}" for row in plain]), ()),
    }
    for name, (content, names) in whole.items():
        yield LabelFiles(f"text_{name}", "celeba", {words: content}, (ATTRIBUTES, *names))
    cells: dict[str, tuple[str, tuple[str, ...]]] = {
        "no_code": (f"{key} 1 x", (key, line)),
        "two": (f"{key} 2 1", (key, line)),
        "half": (f"{key} 1 0.5", (key, line)),
    }
    for name, (row, names) in cells.items():
        files: dict[str, bytes | None] = {words: attributes_text(changed(plain, at, row))}
        yield LabelFiles(
            f"text_{name}", "celeba", files, (ATTRIBUTES, *names), rows=True, refused=(key,)
        )
    other = f"{key} {-1 if smiles(at) else 1} 1"
    files = {words: attributes_text([*plain, other])}
    yield LabelFiles(
        "text_contradiction", "celeba", files, (ATTRIBUTES, key, str(COUNT + 3)),
        rows=True, refused=(key, key),
    )  # fmt: skip
    tables: dict[str, tuple[bytes, tuple[str, ...]]] = {
        "ragged": (attributes_csv(changed(commas, at, f"{key},1")), (f"line {at + 2}",)),
        "true_among_ones": (attributes_csv(changed(commas, at, f"{key},true,1")), ("true",)),
        "unclosed_quote": (attributes_csv(changed(commas, at, f'"{key},1,1')), ()),
        "two_of_a_name": (attributes_csv(commas, "image_id,Male,Male"), ("Male",)),
        "no_name": (attributes_csv(commas, "image_id,,Male"), ()),
        "named_split": (attributes_csv(commas, "image_id,split,Male"), ("split",)),
        "header_only": (attributes_csv([]), ()),
        "empty": (b"", ()),
        "no_header": (text(*commas), ()),
    }
    for name, (content, names) in tables.items():
        files = {f"{ATTRIBUTES}.csv": content}
        yield LabelFiles(f"csv_{name}", "celeba", files, (ATTRIBUTES, *names))
    archives = {
        "no_xz": attributes_text(plain),
        "cut": packed[:-20],
        "damaged": patched(packed, len(packed) // 2, bytes(8)),
        "bomb_of_noise": b"\xfd7zXZ\0" + rng.bytes(200),
    }
    for name, content in archives.items():
        files = {f"{words}.xz": content}
        yield LabelFiles(f"xz_{name}", "celeba", files, (f"{words}.xz",))
    yield LabelFiles("a_folder", "celeba", {words: None}, (ATTRIBUTES,))


def _bad_partitions(rng: np.random.Generator) -> Iterator[LabelFiles]:
    at = int(rng.integers(1, COUNT - 1))
    key, rows = IDS[at], partition_rows()
    words = f"{PARTITION}.txt"
    whole = {
        "three_columns": text(*(f"{row} 1" for row in rows)),
        "one_column": text(*IDS),
        "empty": b"",
        "zero_bytes": text(*rows) + bytes(9),
        "UTF-16": text(*rows).decode().encode("utf-16"),
        "ragged": text(*changed(rows, at, key)),
    }
    for name, content in whole.items():
        files: dict[str, bytes | None] = {words: content}
        yield LabelFiles(f"partition_{name}", "celeba", files, (PARTITION,))
    single: dict[str, tuple[list[str], tuple[str, ...]]] = {
        "seven": (changed(rows, at, f"{key} 7"), (key, f"line {at + 1}")),
        "word": (changed(rows, at, f"{key} later"), (key, f"line {at + 1}")),
        "row_missing": ([*rows[:at], *rows[at + 1 :]], (key,)),
        "contradiction": ([*rows, f"{key} {(at + 1) % 3}"], (key,)),
    }
    for name, (lines, names) in single.items():
        files = {words: text(*lines)}
        yield LabelFiles(
            f"partition_{name}", "celeba", files, (PARTITION, *names), rows=True, refused=(key,)
        )


def _bad_beside(rng: np.random.Generator) -> Iterator[LabelFiles]:
    """Files that CelebA may have beside the two that it needs."""
    at = int(rng.integers(1, COUNT - 1))
    key = IDS[at]
    persons = [f"{name} {n // 2}" for n, name in enumerate(IDS)]
    points = [f"{name} {60 + n} 110" for n, name in enumerate(IDS)]
    head = str(COUNT), "lefteye_x lefteye_y"
    for name, stem, content, line in (
        ("person_is_text", IDENTITY, text(*changed(persons, at, f"{key} me")), at + 1),
        ("person_is_half", IDENTITY, text(*changed(persons, at, f"{key} 1.5")), at + 1),
        ("point_is_text", POINTS, text(*head, *changed(points, at, f"{key} 61 ?")), at + 3),
        ("point_is_endless", POINTS, text(*head, *changed(points, at, f"{key} inf 9")), at + 3),
    ):
        yield LabelFiles(
            f"{name}", "celeba", {f"{stem}.txt": content}, (stem, key, f"line {line}"), rows=True,
            refused=(key,),
        )  # fmt: skip
    for name, stem, content in (
        ("person_missing", IDENTITY, text(*changed(persons, at, key))),
        ("points_count", POINTS, text("13", head[1], *points)),
        ("points_clash", POINTS, text(head[0], "Smiling lefteye_y", *points)),
        ("points_empty", POINTS, b""),
    ):
        named = (stem,) if name != "points_clash" else ("Smiling",)
        yield LabelFiles(f"{name}", "celeba", {f"{stem}.txt": content}, named)


def _bad_tables(rng: np.random.Generator) -> Iterator[LabelFiles]:
    at = int(rng.integers(2, COUNT - 2))
    key, line = IDS[at], f"line {at + 2}"
    commas, tabs = attribute_rows("0", "1", ","), attribute_rows("0", "1", "\t")
    frame = truth_frame()
    whole: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
        "ragged.csv": (attributes_csv(changed(commas, at, f"{key},1")), (line,)),
        "ragged.tsv": (text("file\tSmiling\tMale", *changed(tabs, at, f"{key}\t1\t1\t1")), (line,)),
        "codes_mixed.csv": (attributes_csv(changed(commas, at, f"{key},true,1")), (line,)),
        "minus_and_zero.csv": (attributes_csv(changed(commas, at, f"{key},-1,1")), ("Smiling",)),
        "unclosed_quote.csv": (attributes_csv(changed(commas, at, f'{key},"1,1')), ()),
        "quote_in_the_middle.csv": (attributes_csv(changed(commas, at, f'{key},"1"1,1')), (line,)),
        "zero_bytes.csv": (attributes_csv(commas).replace(b",1", b",\0", 1), ()),
        "utf_16.csv": (attributes_csv(commas).decode().encode("utf-16"), ()),
        "latin_1.csv": (attributes_csv(commas, "image_id,L\xe4cheln,Male").decode()
                        .encode("latin-1"), ()),
        "empty.csv": (b"", ()),
        "blank.tsv": (b"\n \n\n", ()),
        "header_only.csv": (attributes_csv([]), ()),
        "header_only.tsv": (b"image_id\tSmiling\n", ()),
        "two_of_a_name.csv": (attributes_csv(commas, "image_id,Male,Male"), ("Male",)),
        "no_name.csv": (attributes_csv(commas, "image_id,Smiling,"), ()),
        "no_row_joins.csv": (attributes_csv([f"x{row}" for row in commas]), ("x000001.jpg",)),
        "zeros_lost.csv": (attributes_csv([row.lstrip("0").replace(".jpg", "") for row in commas]),
                           ("leading zeros",)),
        "zeros_lost.parquet": (parquet(truth_frame(tuple(range(1, COUNT + 1)))),
                               ("leading zeros",)),
        "two_forms_of_a_name.csv": (attributes_csv([*commas, f"{key[:-4]},1,1"]), (key[:-4],)),
        "web_page.csv": (b"<!DOCTYPE html>\n<html>sign in</html>", ()),
        "noise.csv": (rng.bytes(400), ()),
        "noise.parquet": (rng.bytes(400), ()),
        "empty.parquet": (b"", ()),
        "cut.parquet": (parquet(frame)[:-30], ()),
        "start_only.parquet": (b"PAR1" + bytes(40), ()),
        "damaged.parquet": (patched(parquet(frame), 20, rng.bytes(60)), ()),
        "no_rows.parquet": (parquet(frame.iloc[:0]), ()),
        "json.parquet": (b'{"image_id": [1]}', ()),
        "a_folder.csv": (None, ()),
        "a_folder.parquet": (None, ()),
        "a_class_twice.csv": (text("image_id,mood,mood_sad", f"{IDS[0]},sad,1",
                                   f"{IDS[1]},glad,0"), ("mood_sad",)),
    }  # fmt: skip
    for name, (content, names) in whole.items():
        yield LabelFiles(f"table_{name}", "table", {name: content}, (name, *names))
    lines = changed(commas, at, f"{key},{int(not smiles(at))},1")
    twice = attributes_csv([*commas, lines[at]])
    yield LabelFiles(
        "table_contradiction.csv", "table", {"contradiction.csv": twice},
        ("contradiction.csv", key, line.removeprefix("line ")), rows=True, refused=(key, key),
        unknown=frozenset({key}),
    )  # fmt: skip
    split = text("image_id,Smiling,split", *(f"{row.rsplit(',', 1)[0]},{n % 3}" for n, row
                 in enumerate(changed(commas, at, f"{key},1,x"))))  # fmt: skip
    split = split.replace(f"{key},1,{at % 3}".encode(), f"{key},1,7".encode())
    yield LabelFiles(
        "table_split_of_7.csv", "table", {"split.csv": split}, ("split.csv", key, line), rows=True,
        refused=(key,),
    )  # fmt: skip


def odd_labels(seed: int) -> Iterator[LabelFiles]:
    """Each must be read; `refused` are the rows that are listed all the same."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(COUNT)
    plain, commas = attribute_rows(), attribute_rows(between=",")
    words, table = f"{ATTRIBUTES}.txt", f"{ATTRIBUTES}.csv"
    good, listed = attributes_text(plain), attributes_csv(commas)
    at = int(rng.integers(1, COUNT - 1))
    rest = [row for n, row in enumerate(plain) if n != at]
    wide = "12", "Smiling Male Hat"
    quoted = b'"' + listed.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1]
    lonely = frozenset({IDS[at]})
    for name, files, refused in (
        ("plain", {words: good}, ()),
        ("CRLF", {words: good.replace(b"\n", b"\r\n")}, ()),
        ("CR", {words: good.replace(b"\n", b"\r")}, ()),
        ("mark", {words: b"\xef\xbb\xbf" + good}, ()),
        ("unsorted", {words: attributes_text([plain[n] for n in order])}, ()),
        ("repeated", {words: attributes_text([*plain, plain[at]])}, (IDS[at],)),
        ("many_repeated", {words: attributes_text(plain * 3)}, IDS * 2),
        ("row_missing", {words: attributes_text(rest)}, ()),
        ("row_more", {words: attributes_text([*plain, "000099.jpg 1 1"])}, ("000099.jpg",)),
        ("column_more", {words: text(*wide, *(f"{row} -1" for row in plain))}, ()),
        ("blanks", {words: good.replace(b" ", b"   ").replace(b"\n", b" \t\n\n")}, ()),
        ("no_last_line_end", {words: good.rstrip()}, ()),
        ("xz", {f"{words}.xz": lzma.compress(good)}, ()),
        ("zeros", {words: attributes_text(attribute_rows("0"))}, ()),
        ("plus", {words: attributes_text(attribute_rows("-1", "+1"))}, ()),
        ("csv", {table: listed}, ()),
        ("csv_CRLF", {table: listed.replace(b"\n", b"\r\n")}, ()),
        ("csv_mark", {table: b"\xef\xbb\xbf" + listed}, ()),
        ("csv_quoted", {table: quoted}, ()),
        ("csv_spaces", {table: listed.replace(b",", b" , ")}, ()),
        ("csv_blank_lines", {table: listed.replace(b"\n", b"\n\n,,\n")}, ()),
        ("csv_true_false", {table: attributes_csv(attribute_rows("False", "True", ","))}, ()),
        ("csv_floats", {table: attributes_csv(attribute_rows("-1.0", "1.0", ","))}, ()),
        ("csv_xz", {f"{table}.xz": lzma.compress(listed)}, ()),
        ("csv_xz_of_two_parts", {f"{table}.xz": lzma.compress(listed[:150])
                                 + lzma.compress(listed[150:])}, ()),
        ("csv_semicolon", {table: listed.replace(b",", b";")}, ()),
        ("partition_CRLF", {f"{PARTITION}.txt": text(*partition_rows(), end="\r\n")}, ()),
        ("partition_csv", {f"{PARTITION}.csv": text("image_id,partition", *partition_rows(","))},
         ()),
        ("partition_repeated", {f"{PARTITION}.txt": text(*partition_rows() * 2)}, ()),
        ("partition_of_more", {f"{PARTITION}.txt": text(*partition_rows(), "000099.jpg 1")}, ()),
    ):  # fmt: skip
        unknown = lonely if name == "row_missing" else frozenset()
        yield LabelFiles(name, "celeba", dict(files), refused=refused, unknown=unknown)
    codes = attribute_rows("0", "1", ",")
    content = attributes_csv(codes)
    tabs = content.replace(b",", b"\t")
    by_stem = content.replace(b".jpg", b"")
    kept = [row for n, row in enumerate(codes) if n != at]
    frame = truth_frame()
    for name, content_, refused, unknown in (
        ("plain.csv", content, (), ()),
        ("crlf.csv", content.replace(b"\n", b"\r\n"), (), ()),
        ("mark.csv", b"\xef\xbb\xbf" + content, (), ()),
        ("tabs.tsv", tabs, (), ()),
        ("tabs.csv", tabs, (), ()),
        ("semicolon.csv", content.replace(b",", b";"), (), ()),
        ("unsorted.csv", attributes_csv([codes[n] for n in order]), (), ()),
        ("repeated.csv", attributes_csv([*codes, codes[at]]), (IDS[at],), ()),
        ("row_missing.csv", attributes_csv(kept), (), lonely),
        ("row_more.csv", attributes_csv([*codes, "000099.jpg,1,1"]), ("000099.jpg",), ()),
        ("by_stem.csv", by_stem, (), ()),
        ("by_path.csv", content.replace(b"0000", b"./0000"), (), ()),
        ("yes_no.csv", attributes_csv(attribute_rows("no", "YES", ",")), (), ()),
        ("minus_one.csv", listed, (), ()),
        ("true_false.csv", attributes_csv(attribute_rows("false", "true", ",")), (), ()),
        ("quoted.csv", content.replace(b".jpg", b'.jpg"').replace(b"\n0", b'\n"0'), (), ()),
        ("spaces.csv", content.replace(b",", b", "), (), ()),
        ("blank_lines.csv", content.replace(b"\n", b"\n\n"), (), ()),
        ("text_with_comma.csv", attributes_csv([f'{row},"a, ""b"""' for row in codes],
                                               "image_id,Smiling,Male,note"), (), ()),
        ("text_over_lines.csv", attributes_csv([f'{row},"a\nb"' for row in codes],
                                               "image_id,Smiling,Male,note"), (), ()),
        ("bool.parquet", parquet(frame), (), ()),
        ("numbers.parquet", parquet(frame.astype({"Smiling": float, "Male": int})), (), ()),
        ("indexed.parquet", parquet(frame.set_index("image_id")), (), ()),
        ("missing.csv", attributes_csv(changed(codes, at, f"{IDS[at]},,NA")), (), lonely),
    ):  # fmt: skip
        yield LabelFiles(
            f"table_{name}", "table", {name: content_}, refused=refused, unknown=frozenset(unknown)
        )
