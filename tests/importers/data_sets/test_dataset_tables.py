"""Tables of any delimiter and encoding become cases with the text of their cells."""

from __future__ import annotations

import gzip

import pytest
from dataset_projects import DatasetProject, table

QA = [{"question": "Who?", "answer": "Ada"}, {"question": "When?", "answer": "1843"}]


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.csv", "question,answer\nWho?,Ada\nWhen?,1843\n", "CSV, separated by commas, UTF-8, 2 rows"),
        ("a.csv", "question;answer\r\nWho?;Ada\r\nWhen?;1843\r\n", "CSV, separated by semicolons, UTF-8, 2 rows"),
        ("a.tsv", "question\tanswer\nWho?\tAda\nWhen?\t1843\n", "TSV, separated by tabs, UTF-8, 2 rows"),
        ("a.txt", "question|answer\nWho?|Ada\nWhen?|1843", "CSV, separated by bars, UTF-8, 2 rows"),
        ("a.csv", "sep=;\nquestion;answer\nWho?;Ada\n\nWhen?;1843\n", "CSV, separated by semicolons, UTF-8, 2 rows"),
        ("a.csv", "\ufeffquestion,answer\nWho?,Ada\nWhen?,1843\n", "UTF-8 with BOM, 2 rows"),
        ("a.csv", "question,answer\nWho?,Ada\nWhen?,1843\n".encode("utf-16"), "UTF-16, 2 rows"),
        ("a.csv", "question,answer\nWho?,Ada\nWhen?,1843\n".encode("utf-16-le"), "UTF-16 without BOM, 2 rows"),
        ("a.csv.gz", gzip.compress(b"question,answer\nWho?,Ada\nWhen?,1843\n", mtime=0), "CSV, separated by commas"),
        ("a.csv", 'question,"answer"\n"Who?",Ada\n"When?",1843\n', "CSV, separated by commas"),
        ("a.csv", "question,answer,,\nWho?,Ada,,\nWhen?,1843,,\n", "CSV, separated by commas"),
        ("a.csv", "\n\nquestion,answer\n\nWho?,Ada\nWhen?,1843\n\n", "CSV, separated by commas, UTF-8, 2 rows"),
        ("a.csv", "question,answer\rWho?,Ada\rWhen?,1843\r", "CSV, separated by commas, UTF-8, 2 rows"),
    ],
)  # fmt: skip
def test_formats(project: DatasetProject, name: str, content: str | bytes, shown: str) -> None:
    """The preview names the delimiter and the encoding, and the cases are the same for all of them."""
    assert shown in project.preview(name, content)
    imported = project.convert(name, content)

    assert imported.vars == [{"question": row["question"]} for row in QA]
    assert imported.answers == [[row["answer"]] for row in QA]


def test_cells_stay_text(project: DatasetProject) -> None:
    """Leading zeros, trailing zeros, formulas, booleans, line ends and separators in a cell are kept."""
    cells = ["007", "1.10", "=1+1", "TRUE", '"a, ""b""\nc"', "NaN", "12345678901234567890"]
    rows = "".join(f"{cell},x\n" for cell in cells)

    imported = project.convert("a.csv", f"question,answer\n{rows}")

    texts = [row["question"] for row in imported.vars]
    assert texts == ["007", "1.10", "=1+1", "TRUE", 'a, "b"\nc', "NaN", "12345678901234567890"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Größe?,ja\n", "a.csv:2: byte 0xF6 is not UTF-8"),
        ("a,b\n" * 3_000 + "“It”?,ok\n", "a.csv:3002: byte 0x93 is not UTF-8"),
    ],
)
def test_other_encodings(project: DatasetProject, text: str, place: str) -> None:
    """A byte that is not UTF-8 is named with its line and its text in Windows-1252, which --encoding then reads."""
    content = f"question,answer\n{text}".encode("cp1252")

    message = " ".join(project.refusal("a.csv", content).split())

    assert place in message
    assert text.splitlines()[-1] in message
    assert "--encoding cp1252" in message
    asked = project.convert("a.csv", content, "--encoding", "cp1252").vars[-1]["question"]
    assert f"{asked},{text.strip().rpartition(',')[2]}" == text.splitlines()[-1]


def test_unknown_encoding(project: DatasetProject) -> None:
    """An encoding that does not exist is named."""
    assert "unknown encoding 'utf-9'" in project.refusal("a.csv", "q,answer\na,b\n", "--encoding", "utf-9")


def test_a_delimiter_can_be_given(project: DatasetProject) -> None:
    """The option beats the detection, which counts cells."""
    text = "question~answer\nWho, then?~Ada\nWhen, then?~1843\n"

    assert project.convert("a.csv", text, "--delimiter", "~").answers == [["Ada"], ["1843"]]


def test_quotes_of_a_table_with_tabs(project: DatasetProject) -> None:
    """In a table with tabs, a quote that opens no cell is a character."""
    imported = project.convert("a.tsv", 'question\tanswer\n"Half a quote\ta\nHe said "hi"\tb\n"Whole"\tc\n')

    assert [row["question"] for row in imported.vars] == ['"Half a quote', 'He said "hi"', '"Whole"']


def test_rows_that_cannot_be_read_are_counted(project: DatasetProject) -> None:
    """A row with too few or too many cells and a misplaced quote are left out, with their lines."""
    text = 'question,answer\na,b\nc\nd,e,f\n"x"y,z\ng,"h\nh2"\ni,j\n'

    imported = project.convert("a.csv", text)

    assert [row["question"] for row in imported.vars] == ["a", "g", "i"]
    assert "2 rows: another number of cells than the 2 of the header, left out (lines 3, 4)" in imported.output
    assert "1 row: invalid CSV (',' expected after '\"'), left out (line 5)" in imported.output


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "question,answer\n", "a.csv has no rows"),
        ("a.csv", 'question,answer\na,b\n"c,d\ne,f\n', "a.csv:3: a quote in the row of this line is never closed"),
        ("a.csv", f"question,answer\na,{'x' * 1_000_001}\n", "a.csv:2: a cell is longer than limits.prompt_chars"),
        ("a.csv", f"{'What is it? ' * 30},yes\nb,no\n", "a.csv:1: the first line must have the names of the columns"),
        ("a.csv", "<!DOCTYPE html>\n<html></html>", "a.csv is a web page"),
        ("a.xlsx", b"PK\x03\x04rest", "an Excel workbook: save the sheet as CSV UTF-8"),
        ("a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "run git lfs pull"),
        ("a.csv", "question,__expected\na,equals: b\n", "evalharness import promptfoo"),
        ("a.yaml", "- id: a\n", "a suite can use it with cases: a.yaml"),
        ("a.csv", "# a comment\nquestion,answer\na,b\n", "another number of cells than the 1 of the header, left out"),
        ("a.csv", "answer\nAda\n", "no column is left for the prompt"),
    ],
)  # fmt: skip
def test_files_that_are_no_data_set(project: DatasetProject, name: str, content: str | bytes, message: str) -> None:
    """The message says what the file is, where it fails and what to do."""
    assert message in " ".join(project.refusal(name, content).split())


@pytest.mark.parametrize(
    ("column", "variable"),
    [
        ("First Name", "first_name"),
        ("expectedScore", "expectedScore"),
        ("Größe (cm)", "größe_cm"),
        ("имя", "имя"),
        ("お名前", "お名前"),
        ("2nd try", "_2nd_try"),
        ("not", "not_"),
        ("true", "true_"),
        ("😀", "column_2"),
        ("a.b-c", "a_b_c"),
    ],
)
def test_names_of_columns(project: DatasetProject, column: str, variable: str) -> None:
    """A column becomes a variable that a template can use, in any script."""
    content = f"question,{column},answer\nWho?,v,Ada\n"

    imported = project.convert("a.csv", content, "--prompt", f"{{{{ question }}}} {{{{ {variable} }}}}")

    assert imported.vars == [{"question": "Who?", variable: "v"}]


def test_names_that_collide(project: DatasetProject) -> None:
    """Columns with the same variable or the same name are numbered, and the preview says so."""
    output = project.preview("a.csv", "First Name,first_name,question,question,answer\na,b,c,d,e\n")

    assert table(output)["first_name"] == "variable first_name_2 another variable is named first_name"
    assert table(output)["question 2"] == "variable question_2"
    assert "the column 'question' appears 2 times" in output


def test_no_header(project: DatasetProject) -> None:
    """A multiple-choice table without a header, as MMLU publishes it, is recognized by the letters at the end."""
    imported = project.convert("a.csv", '"1 + 1, please?",1,2,3,4,B\nAnd 2 + 2?,1,2,3,4,D\n')

    assert imported.vars[0] == {"question": "1 + 1, please?", "choices": "A. 1\nB. 2\nC. 3\nD. 4"}
    assert imported.answers == [["B"], ["D"]]
    assert "no header" in imported.output


def test_control_characters(project: DatasetProject) -> None:
    """Control characters reach the case file, and the terminal shows their names."""
    content = "question,answer\n\x1b[31mred\u202e,a\x07b\n"

    output = project.preview("a.csv", content)

    assert "\x1b" not in output
    assert "⟨U+001B⟩[31mred⟨U+202E⟩" in output
    assert project.convert("a.csv", content).vars == [{"question": "\x1b[31mred\u202e"}]


@pytest.mark.parametrize(
    ("first", "got"),
    [
        ("A dress needs 2 bales of blue fabric and 1 of white. How many?\t3", "'A dress needs 2 bales of blue '"),
        ("Half of six?\t3", "'3'"),
    ],
)
def test_a_first_line_that_looks_like_a_row(project: DatasetProject, first: str, got: str) -> None:
    """A number or a sentence among the names is a row in a table without a header, such as those of MGSM."""
    output = project.preview("a.tsv", f"{first}\nTwo and two?\t4\n")
    assert f"line 1 has the names of the columns, got {got}: if it is a row, add a line with names" in output


def test_an_ordinary_first_line(project: DatasetProject) -> None:
    """Long names and names with numbers are names."""
    output = project.preview("a.csv", "question 1,The answer of the expert,top10,answer\nWho?,x,y,Ada\n")
    assert "line 1 has the names" not in output
