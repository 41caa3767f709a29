"""How the book is built: `make docs`, into docs/_build/html."""

import logging
import os
import re
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from typer.main import get_command
from typer.testing import CliRunner

from miscope.cli.app import app as miscope_app

project = "miscope"
author = "the miscope authors"
copyright = "the miscope authors"  # noqa: A001 - Sphinx calls it so
version = release = version_of("miscope")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}  # the first is that of generated pages
exclude_patterns = ["_build", "jupyter_execute", "examples"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True  # pages write files; none of them stays
nb_merge_streams = True
logging.getLogger("traitlets").setLevel(logging.WARNING)
# Pages are run without the settings that a reader may have for IPython, and without its word on local sockets.
profile = Path(__file__).parent / "_build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.py").write_text('get_config().IPKernelApp.log_level = "ERROR"\n', encoding="utf-8")
os.environ["IPYTHONDIR"] = str(profile.parent)

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpy docstrings say them in words
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"
nitpicky = False

html_theme = "furo"
html_title = f"miscope {version}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_math_renderer = "mathml"  # as written below: pages are whole without a network
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _links(app, name, source):
    """Links that hold where the sources are read hold here too."""
    source[0] = source[0].replace("](../benchmarks/RESULTS.md", "](benchmarks.md")


def _links_of_included(app, path, name, source):
    source[0] = source[0].replace("](docs/", "](")


def _write_help(app, config):
    """The texts of `miscope COMMAND --help`, one after the other, as a page."""
    command_line = get_command(miscope_app)
    runner, page = CliRunner(), ["# Options of the commands", "", "What `miscope COMMAND --help` says.", ""]
    for words in _commands(command_line):
        width = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
        found = runner.invoke(miscope_app, [*words, "--help"], env=width, prog_name="miscope", catch_exceptions=False)
        lines = [line.rstrip() for line in found.output.strip().splitlines()]
        page += [f"## miscope {' '.join(words)}", "", "```text", *lines, "```", ""]
    path = Path(app.srcdir, "reference", "generated", "commands.md")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(page), encoding="utf-8")


def _commands(group, before=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*before, name))
        else:
            yield (*before, name)


_FUNCTION = r"\\(?:ln|log|det|cos|sin|tanh|cosh|sinh|exp)(?![a-z])"


def _spaced(latex):
    """With the thin spaces around names of functions that LaTeX sets and docutils leaves out."""
    latex = re.sub(rf"(?<=[\w}})])\s*({_FUNCTION})", r"\,\1", latex)
    return re.sub(rf"({_FUNCTION})\s*(?=\\?\w)", r"\1\,", latex)


def _formula(translator, node):
    translator.body.append(tex2mathml(_spaced(node.astext())))
    raise nodes.SkipNode


def _displayed_formula(translator, node):
    translator.body.append(f'<div class="math">{tex2mathml(_spaced(node.astext()), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Called by Sphinx."""
    app.connect("config-inited", _write_help)
    app.add_html_math_renderer("mathml", (_formula, None), (_displayed_formula, None))
    app.connect("source-read", _links)
    app.connect("include-read", _links_of_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
