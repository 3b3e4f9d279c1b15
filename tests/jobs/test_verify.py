"""What passes, what is caught however the hashes are mended, what is refused unread, and how two studies compare."""

import io
import json
import re
import shutil
import stat
import struct
import zipfile
from contextlib import chdir
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chapter6.jobs import replicates
from chapter6.registry import StudyError, canonical
from chapter6.sharing import archive, wording
from chapter6.sharing.comparison import ClaimPair, Compared, agreement
from chapter6.sharing.contents import facts, study_in

from .finished import finish
from .small import call

RECORD = "results/runs/6.4-net/fast/replicate-1.json"
CURVES = RECORD.replace(".json", ".npz")
ROUND = "results/search/6.5-searched/coarse/search-1/round-2.json"
TABLE = "results/tables/6.4-net.parquet"
CLAIMS = ("results/claims.json", "results/claims/6.4-net.json")
FIGURE = "results/figures/6.4-net/curves.svg"
CHOSEN = "results/search/6.5-searched/coarse/search-1/chosen.json"
TUNED = "results/tuning/6.4-net/slow.json"
SHOWN = 'class="claim supported" aria-labelledby="C20"'
TURNED = 'class="claim contradicted"'
PAGE = "reports/html/index.html"
YAML = "config/experiments/6.4-net.yaml"
RATE = "stages.main.optimizer.learning_rate"


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A folder with a.zip, a finished study, and the project it was made from."""
    folder = tmp_path_factory.mktemp("studies")
    finish(folder / "project")
    pack(folder / "project", folder / "a.zip")
    return folder


@pytest.fixture
def place(studies, tmp_path, monkeypatch):
    """An empty folder but for a.zip, as the current one."""
    shutil.copy(studies / "a.zip", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pack(project, output):
    with chdir(project):
        call("export", "--output", str(output))


def verify(capsys, *archives):
    """Return the status and what was printed."""
    capsys.readouterr()
    try:
        call("verify", *map(str, archives))
        status = 0
    except SystemExit as left:
        status = left.code
    return status, capsys.readouterr().out


def forge(changes, is_thorough=False, target="b.zip"):
    """Write a.zip with other contents and a manifest that fits them; a thorough one mends the facts in it too."""
    with archive.opened(Path("a.zip")) as honest:
        files = dict(honest.items())
        for name, change in changes.items():
            files[name] = change(files.get(name, b"")) if callable(change) else change
        files = {name: content for name, content in files.items() if content is not None}
        told = facts(study_in(files, "full"), files) if is_thorough else honest.manifest.study
        archive.write_archive(Path(target), files, told, honest.manifest.made)


def text(old, new):
    def change(content):
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode())

    return change


def parsed(change):
    """Change JSON data in place."""

    def of_content(content):
        data = json.loads(content)
        change(data)
        return json.dumps(data).encode()

    return of_content


def claim(name, **changes):
    def change(claims):
        next(each for each in claims if each["id"] == name).update(changes)

    return parsed(change)


def record(**changes):
    return parsed(lambda data: data.update(changes))


def rewritten(change):
    """Change a Parquet table."""

    def of_content(content):
        table = change(pd.read_parquet(io.BytesIO(content)))
        return table.to_parquet(index=False)

    return of_content


def moved(column, by):
    return rewritten(lambda table: table.assign(**{column: table[column] + by * (table.index == len(table) // 2)}))


def other_curves(factor=1.01):
    """Return curves whose every value is larger."""

    def of_content(content):
        with np.load(io.BytesIO(content)) as arrays:
            changed = {name: arrays[name] * (factor if name.startswith("value") else 1) for name in arrays.files}
        out = io.BytesIO()
        np.savez(out, **changed)
        return out.getvalue()

    return of_content


def test_an_untouched_archive_passes(place, capsys):
    status, said = verify(capsys, "a.zip")
    assert status == 0
    assert said.count("  ok\n") == 8
    assert "4 experiments, 15 runs, 4 searches, seed 6" in said
    assert said.splitlines()[-1].startswith("The archive passes")
    assert {path.name for path in place.iterdir()} == {"a.zip"}  # nothing is unpacked


@pytest.mark.usefixtures("place")
def test_one_byte_of_a_table_is_found_by_its_hash(capsys):
    with zipfile.ZipFile("a.zip") as honest, zipfile.ZipFile("b.zip", "w") as out:
        for member in honest.infolist():
            content = bytearray(honest.read(member))
            if member.filename == TABLE:
                content[len(content) // 2] ^= 1
            out.writestr(member, bytes(content))
    status, said = verify(capsys, "b.zip")
    assert status == 1
    assert f"A: {TABLE}: its content was changed" in said
    assert said.splitlines()[-1].startswith("The archive fails")


@pytest.mark.usefixtures("place")
def test_a_byte_flipped_in_the_file_itself_is_found(capsys):
    content = bytearray(Path("a.zip").read_bytes())
    with zipfile.ZipFile("a.zip") as honest:
        member = honest.getinfo(TABLE)
    content[member.header_offset + 30 + len(TABLE) + member.compress_size // 2] ^= 255
    Path("b.zip").write_bytes(content)
    status, said = verify(capsys, "b.zip")
    assert status == 1
    assert f"A: {TABLE}: cannot be unpacked" in said


# What a forger changes who mends every hash and the manifest, and the check that finds it.
FORGED = {
    "a verdict among all": ({CLAIMS[0]: claim("C20", verdict="contradicted")}, "does not hold the same verdicts"),
    "a verdict everywhere": (
        {name: claim("C20", verdict="contradicted") for name in CLAIMS} | {PAGE: text(SHOWN, TURNED)},
        "C20: judged again from the tables it is supported, and contradicted is stated",
    ),
    "a verdict on the page": (
        {PAGE: text(SHOWN, TURNED)},
        "C20: the page shows 'contradicted', and results/claims.json says 'supported'",
    ),
    "an estimate": ({name: claim("C20", estimate=-0.5) for name in CLAIMS}, "C20: judged again from the tables, estim"),
    "a sentence": ({name: claim("C20", sentence="It is so.") for name in CLAIMS}, "C20: judged again from the tables"),
    "a record without a key": (
        {
            name: parsed(lambda claims: next(each for each in claims if each["id"] == "C20").pop("fragile"))
            for name in CLAIMS
        },
        "C20: judged again from the tables, fragile is False, and None is stated",
    ),
    "whose reading it is": ({name: claim("C20", whose="reader") for name in CLAIMS}, "tables, whose is"),
    "a claim left out": (
        {name: parsed(lambda claims: claims.pop()) for name in CLAIMS},
        "6.4-net: has other claims than its settings",
    ),
    "a number of a table": ({TABLE: moved("value", 1e-9)}, f"{TABLE}: 1 of 198 rows are not what the runs give"),
    "a step of a table": ({TABLE: moved("step", 1)}, "in column 'step'"),
    "a row of a table": ({TABLE: rewritten(lambda table: table.iloc[1:])}, "197 rows, and 198 are expected"),
    "a column of a table": ({TABLE: rewritten(lambda t: t.assign(more=1))}, "has the columns"),
    "how a run ended": (
        {TABLE.replace("net", "net.runs"): rewritten(lambda t: t.assign(outcome="diverged"))},
        "in column 'outcome'",
    ),
    "a setting in the table": (
        {TABLE.replace("net", "net.settings"): rewritten(lambda t: t.assign(value="1"))},
        "in column 'value'",
    ),
    "a mean for people": (
        {TABLE.replace("parquet", "csv"): lambda content: content.replace(b"loss,19,", b"loss,19,1")},
        "6.4-net.csv: ",
    ),
    "curves and their hash": (
        {CURVES: other_curves(), RECORD: lambda content: record(curves=CONTENT["other curves"])(content)},
        "rows are not what the runs give",
    ),
    "curves alone": ({CURVES: other_curves()}, "replicate-1.npz: not the curves that its record describes: fast 1"),
    "a run's settings": (
        {RECORD: parsed(lambda r: r["run"]["stages"][0].update(steps=99))},
        "it is the record of other settings: fast 1",
    ),
    "a run's seed": ({RECORD: record(seed=7)}, "it is the record of seed 7, and 6 is planned: fast 1"),
    "a run's place": (
        {RECORD: record(variant="slow")},
        "it is the record of variant 'slow', and 'fast' is planned: fast 1",
    ),
    "a run's data": ({RECORD: record(data="0" * 64)}, "it is the record of other data: fast 1"),
    "a tuned rate": (
        {TUNED: parsed(lambda t: t["choices"]["tuned"].update(value=0.5))},
        "6.4-net: it is the record of other settings",
    ),
    "what tuning came to": (
        {TUNED: parsed(lambda t: t["choices"]["tuned"].update(at_edge="perhaps"))},
        "its choices are not those that its scores lead to",
    ),
    "the score of a trial": ({ROUND: parsed(lambda r: r["trials"][0].update(score=1.0))}, "1: trial 2 has a score"),
    "the point of a trial": (
        {ROUND: parsed(lambda r: r["trials"][0]["values"].update({RATE: 7.0}))},
        "coarse 1: trial 2 lies outside of the space",
    ),
    "what a search chose": ({CHOSEN: record(trial=99)}, "trial 99 was chosen, and trial"),
    "a test result of a search": (
        {CHOSEN: parsed(lambda c: c["test"].update(accuracy=1.0))},
        "tables/6.5-searched.parquet: 1 of",
    ),
    "the claim in the settings": (
        {YAML: text("lower: fast, than: slow}", "lower: slow, than: fast}")},
        "C20: judged again",
    ),
    "the settings of a variant": (
        {YAML: text("rate: 0.3}", "rate: 0.4}")},
        "it is the record of other settings: fast 0",
    ),
    "the seed of the study": (
        {"results/study.json": text('"study_seed": 6', '"study_seed": 7')},
        "it is the record of seed 6, and 7 is planned",
    ),
    "a file left out": ({FIGURE: None}, f"6.4-net: missing: {FIGURE}"),
    "a file put in": ({"results/readme.exe": b"MZ"}, "not part of the study: results/readme.exe"),
    "the data's digest": ({"data/digest.json": record(digest="0" * 64)}, "6.4-net: it is the record of other data: "),
}
CONTENT: dict[str, str] = {}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("changes", "found"), FORGED.values(), ids=FORGED)
def test_a_forger_who_mends_the_hashes_is_found_by_making_things_again(changes, found, capsys):
    with archive.opened(Path("a.zip")) as honest:
        CONTENT["other curves"] = sha256(other_curves()(honest[CURVES])).hexdigest()
    forge(changes, is_thorough=True)
    status, said = verify(capsys, "b.zip")
    assert re.search(r"files are those that were packed +ok\n", said)
    assert found in said
    assert (status, said.splitlines()[-1]) == (1, "The archive fails: do not rely on it.")


@pytest.mark.usefixtures("place")
def test_facts_in_the_manifest_are_compared_with_the_files(capsys):
    with archive.opened(Path("a.zip")) as honest:
        told = replace(honest.manifest.study, verdicts={"supported": 6})
        archive.write_archive(Path("b.zip"), honest, told, honest.manifest.made)
    status, said = verify(capsys, "b.zip")
    assert status == 1
    held = {"contradicted": 1, "supported": 4, "undecided": 1}
    assert f"A: verdicts: {{'supported': 6}} is stated, and the files tell {held}" in said


def test_an_archive_of_an_unfinished_study_does_not_pass(studies, tmp_path, capsys):
    shutil.copytree(studies / "project", tmp_path / "project")
    (tmp_path / "project" / RECORD).unlink()
    with chdir(tmp_path / "project"):
        call("export", "--incomplete")
    status, said = verify(capsys, tmp_path / "project" / "study.zip")
    assert status == 1
    assert "A was packed unfinished and says so:" in said
    assert f"6.4-net: missing: {RECORD}" in said


@pytest.mark.usefixtures("place")
def test_what_another_version_judged_is_told_and_judged_again(capsys):
    def by_other_code(**changes):
        with archive.opened(Path("a.zip")) as honest:
            files = dict(honest.items()) | {name: claim("C20", **changes)(honest[name]) for name in CLAIMS}
            sources = replace(honest.manifest.made.sources, analysis="0" * 64)
            made = replace(honest.manifest.made, sources=sources)
            archive.write_archive(Path("b.zip"), files, honest.manifest.study, made)
        return verify(capsys, "b.zip")

    status, said = by_other_code()
    assert status == 0
    assert "A was judged by other code than this." in said
    assert by_other_code(estimate=-0.5)[0] == 1


# Hostile archives: none is looked into, whatever it holds.


def members(*changed, manifest=None, without=()):
    """Write b.zip with the members of a.zip and ``changed`` ones: (member or name, content)."""
    with zipfile.ZipFile("a.zip") as honest, zipfile.ZipFile("b.zip", "w") as out:
        for member in honest.infolist():
            if member.filename not in without and not (manifest and member.filename == "manifest.json"):
                out.writestr(member, honest.read(member))
        for member, content in changed:
            out.writestr(member, content)
        if manifest is not None:
            out.writestr("manifest.json", manifest)


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def mended(**changes):
    """Return the manifest with changes, its digest mended."""
    with zipfile.ZipFile("a.zip") as honest:
        told = json.loads(honest.read("manifest.json")) | changes
    rest = {key: value for key, value in told.items() if key != "digest"}
    return json.dumps(rest | {"digest": sha256(canonical(rest).encode()).hexdigest()})


def packed(name, content):
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member, content


def patched(signature, offset, value):
    """Write b.zip as a.zip with two or four bytes changed in the first header with this signature."""
    content = bytearray(Path("a.zip").read_bytes())
    at = content.index(signature) + offset
    content[at : at + len(value)] = value
    Path("b.zip").write_bytes(content)


HOSTILE = {
    "no zip file": (lambda: Path("b.zip").write_bytes(b"PK, but no zip file"), "not a zip file"),
    "an empty file": (lambda: Path("b.zip").write_bytes(b""), "not a zip file"),
    "half a file": (lambda: Path("b.zip").write_bytes(Path("a.zip").read_bytes()[:5000]), "not a zip file"),
    "no file": (lambda: None, "there is no such file"),
    "a folder": (lambda: Path("b.zip").mkdir(), "not a zip file"),
    "a name that climbs": (lambda: members(("../x", b"")), "'../x': a name that leads elsewhere"),
    "a name that climbs within": (lambda: members(("results/../../x", b"")), "a name that leads elsewhere"),
    "an absolute name": (lambda: members(("/etc/x", b"")), "'/etc/x': an absolute name"),
    "a drive": (lambda: members(("C:/x", b"")), "'C:/x': an absolute name"),
    "a backslash": (lambda: members(("..\\x", b"")), "a backslash or a control character"),
    "a control character": (lambda: members(("a\x1b[2Jb", b"")), "a backslash or a control character"),
    "a long name": (lambda: members(("x" * 500, b"")), "a name of 500 characters"),
    "a folder in it": (lambda: members(("results/", b"")), "a name that leads elsewhere"),
    "a name twice": (lambda: members((PAGE, b"")), f"'{PAGE}' is in it twice"),
    "a manifest twice": (lambda: members(("manifest.json", b"{}")), "'manifest.json' is in it twice"),
    "a symbolic link": (lambda: members((link("results/link"), b"/etc/passwd")), "a link or a device"),
    "a file not listed": (lambda: members(("extra.txt", b"")), "does not list: extra.txt"),
    "a listed file missing": (lambda: members(without=(TABLE,)), f"lists what is not there: {TABLE}"),
    "a bomb": (lambda: members(packed("bomb", bytes(50_000_000))), "which no study does"),
    "an absurd size": (lambda: patched(b"PK\x01\x02", 24, struct.pack("<I", 2**31)), "2147483648 bytes, and"),
    "encrypted": (lambda: patched(b"PK\x01\x02", 8, b"\x01\x00"), "encrypted"),
    "another method": (lambda: patched(b"PK\x01\x02", 10, b"\x0e\x00"), "packed by method 14"),
    "no manifest": (lambda: members(without=("manifest.json",)), "there is no manifest.json in it"),
    "a manifest that is no JSON": (lambda: members(manifest="{"), "manifest.json cannot be read"),
    "a manifest that is a list": (lambda: members(manifest="[]"), "expected keys and values, not list"),
    "a manifest without end": (lambda: members(manifest="[" * 100_000), "nested too deeply"),
    "a key twice": (lambda: members(manifest='{"format": 1, "format": 1}'), "a key stands twice"),
    "no number": (lambda: members(manifest='{"format": NaN}'), "NaN is no number of JSON"),
    "another format": (lambda: members(manifest=mended(format=2)), "format 2, and this chapter6 reads format 1"),
    "an unknown key": (lambda: members(manifest=mended(more=1)), "more: unknown key"),
    "a strange fact": (lambda: members(manifest=mended(study={})), "study.preset: required, but missing"),
    "a size below zero": (
        lambda: members(manifest=mended(files={PAGE: {"size": -1, "sha256": "0" * 64}})),
        "manifest.json cannot be read",
    ),
    "another digest": (lambda: members(manifest=mended().replace('"seed": 6', '"seed": 7')), "json was changed"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("write", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused_unread(write, reason, place, capsys):
    write()
    before = set(place.rglob("*"))
    status, said = verify(capsys, "b.zip")
    assert reason in said
    assert (status, said.splitlines()[-1]) == (1, "The archive fails: do not rely on it.")
    assert set(place.rglob("*")) == before


def test_no_more_is_unpacked_than_the_size_that_was_stated(place, capsys):
    """A member that states 10 bytes and holds 50 million: the stated size is what the limits were checked against."""
    members(packed("bomb", bytes(50_000_000)), manifest=mended())
    content = bytearray(Path("b.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(b"bomb", content.index(signature)) - (30 if signature == b"PK\x03\x04" else 46)
        if signature == b"PK\x01\x02":
            at = content.rindex(b"bomb") - 46
        content[at + offset : at + offset + 4] = struct.pack("<I", 10)
    (place / "b.zip").write_bytes(content)
    with zipfile.ZipFile("b.zip") as file:
        assert file.getinfo("bomb").file_size == 10
        with pytest.raises(zipfile.BadZipFile):
            archive._unpacked(file, "bomb")
    assert verify(capsys, "b.zip")[0] == 1


def npz(compressed=False, **arrays):
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    return out.getvalue()


def with_hash(content):
    return {CURVES: content, RECORD: record(curves=sha256(content).hexdigest())}


def long_texts(content):
    """Return the table with one text of 8 MB in every row, packed in 40 kB."""
    table = pq.read_table(io.BytesIO(content))
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), pa.array(["x" * 8_000_000]))
    out = io.BytesIO()
    pq.write_table(table.set_column(1, "variant", texts), out, compression="gzip")
    return out.getvalue()


def many_rows(_):
    """Return a table of fifty million rows and one, packed in 10 kB."""
    out = io.BytesIO()
    pq.write_table(pa.table({"value": pa.array(np.zeros(50_000_001, np.int8))}), out, compression="gzip")
    return out.getvalue()


# Hostile contents whose hashes are right: every one is told in a line, none takes the program down.
HOSTILE_CONTENTS = {
    "no table": ({TABLE: b"PAR1"}, f"{TABLE}: "),
    "a table of endless rows": ({TABLE: many_rows}, f"{TABLE}: 50000001 rows, and 198 are expected"),
    "a table of endless texts": ({TABLE: long_texts}, f"{TABLE}: column 'variant' does not fit into memory"),
    "settings that are no JSON": ({"results/study.json": b"{"}, "results/study.json: missing, or not"),
    "settings without end": ({"results/study.json": b"[" * 100_000}, "results/study.json: missing, or not"),
    "YAML without end": ({YAML: b"[" * 200_000}, f"{YAML}: not valid YAML: nested more than 50 deep"),
    "YAML lists without end": ({YAML: b"- " * 100_000}, f"{YAML}: not valid YAML: nested more than 50 deep"),
    "YAML that runs code": ({YAML: b"!!python/object/apply:os.system [exit]"}, f"{YAML}: not valid YAML"),
    "no YAML": ({YAML: b"\xff\xfe\x00"}, f"{YAML}: not valid YAML"),
    "an id that leads elsewhere": ({YAML: text("id: 6.4-net", "id: ../../x")}, f"{YAML}: id: "),
    "endless runs": (
        {YAML: text("replicates: 3", "replicates: 9999999")},
        "the study: asks for 3e+07 runs, and 1e+06 are the most",
    ),
    "endless steps": (
        {YAML: text("steps: 20", "steps: 99999999999")},
        "6.4-net: variant 'slow': asks for 1.2e+11 numbers to be recorded, and 1e+08 are the most",
    ),
    "endless variants": (
        {YAML: text("tuning:", f"sweep: {{{', '.join(f'a{n}: {list(range(20))}' for n in range(9))}}}\ntuning:")},
        f"{YAML}: asks for 1.024e+12 variants, and 20000 are the most",
    ),
    "a record that is a list": ({RECORD: b"[]"}, "6.4-net: "),
    "a record without end": ({RECORD: b"[" * 100_000}, "6.4-net: "),
    "curves that are no curves": (with_hash(b"nothing"), "6.4-net: "),
    "curves that unpack without bound": (
        with_hash(npz(compressed=True, **{"step:batch/loss": np.zeros(10), "value:batch/loss": np.zeros(10)})),
        f"6.4-net: {RECORD}: curves are stored as they are, and these are packed",
    ),
    "curves that are a pickle": (
        with_hash(npz(**{"step:batch/loss": np.array([print], dtype=object), "value:batch/loss": np.zeros(1)})),
        "6.4-net: ",
    ),
    "claims that are a number": ({CLAIMS[1]: b"1"}, "6.4-net: "),
    "claims without parts": ({CLAIMS[1]: b'[{"id": "C20"}, {"id": "C21"}]'}, "6.4-net: "),
    "a page of bytes": ({PAGE: b"\xff" * 100}, "'utf-8' codec can't decode"),
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("changes", "found"), HOSTILE_CONTENTS.values(), ids=HOSTILE_CONTENTS)
def test_hostile_contents_are_told_in_a_line(changes, found, capsys):
    forge(changes)
    status, said = verify(capsys, "b.zip")
    assert f"A: {found}" in said
    assert (status, said.splitlines()[-1]) == (1, "The archive fails: do not rely on it.")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "name",
    [
        "YAML without end",
        "a record that is a list",
        "curves that are no curves",
        "claims that are a number",
        "claims without parts",
    ],
)
def test_nor_does_a_comparison_with_them(name, capsys):
    forge(HOSTILE_CONTENTS[name][0] | {CLAIMS[0]: HOSTILE_CONTENTS[name][0].get(CLAIMS[1], lambda content: content)})
    status, said = verify(capsys, "a.zip", "b.zip")
    assert f"B: {HOSTILE_CONTENTS[name][1]}" in said
    assert status == 1
    assert said.splitlines()[-1].startswith("B fails its own checks: nothing follows from the comparison.")


@pytest.mark.usefixtures("place")
def test_what_a_stranger_wrote_cannot_move_the_cursor(capsys):
    forge({name: claim("C20", verdict="\x1b[2J\rsupported\u202e") for name in CLAIMS})
    status, said = verify(capsys, "a.zip", "b.zip")
    assert status == 1
    assert "?[2J?supported?" in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)


# Two studies.


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Other studies like a.zip: trained elsewhere, from another seed, with other settings and claims."""
    folder = tmp_path_factory.mktemp("others")
    cpu = {"processor": "Another CPU"}
    slower = {"6.4-net": ("learning_rate: 0.3}", "learning_rate: 0.00001}"), "6.2-noise": ("id: C00", "id: C99")}
    with pytest.MonkeyPatch.context() as patch:
        finish(folder / "seed", study_seed=7)
        finish(folder / "settings", slower)
        here = replicates.environment()
        patch.setattr(replicates, "environment", lambda: here | cpu)
        finish(folder / "machine")
        patch.setattr(replicates, "environment", lambda: here)
        execute = replicates.execute

        def slightly_other(run, *arguments, **start):
            rate = run.settings.get(RATE)
            return execute(run.changed(RATE, rate * (1 + 1e-6)) if rate else run, *arguments, **start)

        patch.setattr(replicates, "execute", slightly_other)
        finish(folder / "bits")
        patch.setattr(replicates, "environment", lambda: here | cpu)
        finish(folder / "rounding")
    for project in list(folder.iterdir()):
        pack(project, folder / f"{project.name}.zip")
    return folder


@pytest.mark.usefixtures("place")
def test_a_study_is_the_same_as_itself(capsys):
    status, said = verify(capsys, "a.zip", "a.zip")
    assert status == 0
    assert said.splitlines()[-1] == "The studies are the same: 6 verdicts, 7 numbers and 19 runs, bit for bit."


def test_the_same_bits_from_another_machine_are_the_same(studies, others, capsys):
    status, said = verify(capsys, studies / "a.zip", others / "machine.zip")
    assert status == 0
    assert re.search(r"^  processor +.* {2,}Another CPU$", said, re.M)
    assert "all 19 that both have are equal bit for bit" in said
    assert said.splitlines()[-1].startswith("The studies are the same")


def test_a_machine_that_rounds_otherwise_agrees(studies, others, capsys):
    status, said = verify(capsys, studies / "a.zip", others / "rounding.zip")
    assert status == 0
    assert "8 of 19 are equal bit for bit, 11 are not\n" in said
    assert said.splitlines()[-1] == (
        "The studies agree: the same verdict on 6 claims, and their 7 numbers lie within each other's intervals."
    )


def test_another_seed_gives_other_bits_as_it_should_and_verdicts_that_are_compared(studies, others, capsys):
    status, said = verify(capsys, studies / "a.zip", others / "seed.zip")
    assert re.search(r"^  seed +6 +7$", said, re.M)
    assert "overlapping intervals, as the seeds differ" in said
    assert (
        "2 of 19 are equal bit for bit, 17 are not, as is to be expected from different seeds" in said
    )  # the two of the bowl have no randomness
    assert "should be" not in said
    flips = re.search(r"the same verdict on (\d) of 6 claims", said)
    assert (status == 0) == (flips[1] == "6" and " 0 differ" in said)


def test_other_settings_are_named_and_the_flipped_verdict_with_its_numbers(studies, others, capsys):
    status, said = verify(capsys, studies / "a.zip", others / "settings.zip")
    assert status == 1
    assert "6.4-net: fast: stages.main.optimizer.learning_rate: 0.3 in A, 1e-05 in B" in said
    assert "6.2-noise: claim only in A: C00" in said
    assert "only in B: C99" in said
    assert re.search(r"^  C20  supported in A, \w+ in B  The faster rate learns faster\.$", said, re.M)
    row = re.search(
        r"^    mean batch loss: fast against slow +(-\S+) \[(\S+) to (\S+)\] supported +(\S+) \[", said, re.M
    )
    with archive.opened(studies / "a.zip") as a, archive.opened(others / "settings.zip") as b:
        numbers = [next(c for c in json.loads(of[CLAIMS[0]]) if c["id"] == "C20") for of in (a, b)]
    assert [float(row[place]) for place in (1, 2, 3, 4)] == pytest.approx(
        [numbers[0]["estimate"], numbers[0]["low"], numbers[0]["high"], numbers[1]["estimate"]], rel=5e-3
    )
    last = said.splitlines()[-1]
    assert re.match(
        r"The studies differ: \d of 5 verdicts \(.*C20.*\), .*2 claims that only one of them judges\.", last
    )


def test_bits_that_are_promised_and_not_equal_make_studies_differ(studies, others, capsys):
    status, said = verify(capsys, studies / "a.zip", others / "bits.zip")
    assert status == 1
    assert "should be (same code, settings, data, seed and machine)" in said
    assert re.search(r"^  6\.4-net fast replicate \d \(!\) +\w+ \w+ +\S+ +\S+ +\S+ %$", said, re.M)
    assert "the same verdict on 6 of 6 claims" in said
    assert "runs that should be equal bit for bit." in said.splitlines()[-1]


@pytest.mark.usefixtures("place")
def test_a_study_that_was_tampered_with_is_told_from_one_that_was_not(capsys):
    """The fourth of issue 5's Shows: all hashes mended, the verdict turned in every place."""
    turned = dict.fromkeys(CLAIMS, claim("C20", verdict="contradicted"))
    forge(turned | {PAGE: text(SHOWN, TURNED)})
    status, said = verify(capsys, "a.zip", "b.zip")
    assert status == 1
    assert re.search(r"^  the files are those that were packed +ok  ok$", said, re.M)
    assert re.search(r"^  the verdicts follow from the tables +ok  FAILED$", said, re.M)
    assert "B: C20: judged again from the tables it is supported, and contradicted is stated" in said
    assert "C20  supported in A, contradicted in B" in said
    assert said.splitlines()[-1] == "B fails its own checks: nothing follows from the comparison."
    members(("../x", b""))
    status, said = verify(capsys, "b.zip", "a.zip")
    assert status == 1
    assert "A  b.zip: refused: '../x'" in said
    assert said.splitlines()[-1] == "A fails its own checks: nothing follows from the comparison."


@pytest.mark.usefixtures("place")
def test_more_than_two_are_a_mistake():
    with pytest.raises(StudyError, match="one archive, or two to be compared, not 3"):
        call("verify", "a.zip", "a.zip", "a.zip")


def part(estimate, low, high):
    return {"estimate": estimate, "low": low, "high": high}


@pytest.mark.parametrize(
    ("a", "b", "same_seed", "other_seed"),
    [
        ((1.0, 0.0, 2.0), (1.0, 0.0, 2.0), "equal", "equal"),
        ((1.0, 0.0, 2.0), (1.5, 0.5, 2.5), "agree", "agree"),
        ((1.0, 0.0, 2.0), (2.5, 1.5, 3.5), "differ", "agree"),  # the intervals overlap, no estimate lies in the other's
        ((1.0, 0.0, 2.0), (1.5, 1.4, 1.6), "differ", "agree"),  # 1.5 lies in A's, 1.0 not in B's
        ((1.0, 0.0, 2.0), (3.0, 2.5, 3.5), "differ", "differ"),
        ((2.0, 2.0, 2.0), (2.0000001, 2.0000001, 2.0000001), "agree", "agree"),
        ((2.0, 2.0, 2.0), (2.1, 2.1, 2.1), "differ", "differ"),
        ((1.0, None, None), (2.0, None, None), "no interval", "no interval"),
        ((1.0, None, None), (2.0, 1.5, 2.5), "differ", "agree"),
        ((1.0, None, 3.0), (2.0, 0.5, 2.5), "agree", "agree"),
        ((None, None, None), (None, None, None), "equal", "equal"),
        ((None, None, None), (2.0, 1.5, 2.5), "differ", "differ"),
    ],
)
def test_numbers_agree_where_their_intervals_allow_it(a, b, same_seed, other_seed):
    for first, second in ((a, b), (b, a)):
        assert agreement(part(*first), part(*second), same_seed=True) == same_seed
        assert agreement(part(*first), part(*second), same_seed=False) == other_seed


@pytest.mark.parametrize(("a", "b", "told"), [(True, True, "in both"), (False, True, "in B"), (True, False, "in A")])
def test_what_is_fragile_is_told(a, b, told):
    records = ({"id": "C20", "verdict": "supported", "fragile": fragile} for fragile in (a, b))
    compared = Compared(
        same_seed=True,
        conditions=[],
        settings=[],
        runs=1,
        other_runs=[],
        only=([], []),
        claims=[ClaimPair("It is so", *records, parts=[], unmatched=0)],
    )
    assert f"  C20, {told}. This is fragile: " in wording.comparison(compared)
    assert compared.agree
