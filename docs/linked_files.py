"""Shows the files of the repository that pages link to, on pages of their own.

A link such as `../configs/cluster/slurm.sh` is what a code forge needs; on the site it
leads to `files/configs/cluster/slurm.sh`. The page of a folder is its README, or else a
list of what is in it.
"""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parent.parent

_FILES = "files/"
_COPIED = (".ipynb", ".png", ".svg")  # not shown as text
_LINK = re.compile(r"\]\(([^)#\s:]+)(?=[)#\s])")  # no addresses, which have a colon


def on_files(files, config):
    """Adds the pages of linked files, and of what is linked from those in turn."""
    pages = [file.src_uri for file in files.documentation_pages()]
    for page in pages:
        text = files.get_file_from_path(page).content_string
        for link in _LINK.findall(text):
            path = _path(link, page)
            if not _is_outside(path) or files.get_file_from_path(_page(path)):
                continue
            file = _file(path, config)
            files.append(file)
            if file.is_documentation_page():
                pages.append(file.src_uri)
    return files


def on_page_markdown(markdown, page, **_):
    """Points links at the pages of what they name."""
    here = page.file.src_uri

    def pointed(match):
        path = _path(match[1], here)
        if not _is_outside(path) and not here.startswith(_FILES):
            return match[0]
        to = _page(path) if _is_outside(path) else path.removeprefix("docs/")
        return "](" + posixpath.relpath(to, posixpath.dirname(here))

    return _LINK.sub(pointed, markdown)


def _path(link, page):
    """The path in the repository that a link of a page names."""
    if page.startswith(_FILES):
        home = page.removeprefix(_FILES)
    else:
        home = f"docs/{page}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(home), link))


def _is_outside(path):
    """Whether a path is a file or folder of the repository that is not in docs/."""
    return not path.startswith((".", "docs")) and (ROOT / path).exists()


def _page(path):
    """The page that shows a file or folder, or the copy of a file."""
    if (ROOT / path).is_dir():
        readme = (ROOT / path / "README.md").is_file()
        return f"{_FILES}{path}/{'README' if readme else 'index'}.md"
    return _FILES + path if path.endswith((".md", *_COPIED)) else f"{_FILES}{path}.md"


def _file(path, config):
    if path.endswith(_COPIED):
        return File.generated(config, _page(path), abs_src_path=ROOT / path)
    return File.generated(config, _page(path), content=_content(path))


def _content(path):
    if (ROOT / path).is_dir():
        names = sorted(entry.name for entry in (ROOT / path).iterdir())
        shown = [name for name in names if name[0] != "." and name != "__pycache__"]
        return "\n".join([f"# {path}", "", *(f"- [{name}]({name})" for name in shown)])
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".md"):
        return text
    language = pathlib.Path(path).suffix.removeprefix(".")
    return f"# {path}\n\n````{language}\n{text.rstrip()}\n````\n"
