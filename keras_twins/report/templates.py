"""The files beside this one that pages are made of."""

from importlib import resources

import jinja2
import markupsafe


def render(template, **values):
    """Fills a template in; what it is given is escaped, unless it is marked as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def marked(name):
    """A file that is put into a page as it is: a style or a script of ours."""
    return markupsafe.Markup(read(name))


def read(name):
    """The text of a file of this folder."""
    return resources.files("keras_twins.report").joinpath(name).read_text("utf-8")
