"""Renders fenced blocks of the language `math`, which are LaTeX, as MathML."""

from latex2mathml import converter


def on_config(config):
    """Gives the language its own rendering; a browser needs nothing more."""
    fence = {"name": "math", "class": "math", "format": _mathml}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}


def _mathml(source, *_, **__):
    return converter.convert(source, display="block")
