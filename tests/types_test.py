"""The public names say the types of what they take and give."""

import importlib
import inspect

import pytest

PARTS = (
    "augment",
    "callbacks",
    "collection",
    "data",
    "distribution",
    "evaluation",
    "export",
    "losses",
    "models",
    "optimizers",
    "serving.client",
)


def _functions(part):
    """Names and functions of a part: the public ones, and methods of its classes."""
    module = importlib.import_module(f"keras_twins.{part}")
    own = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
    ]
    for name in filter(_is_public, getattr(module, "__all__", own)):
        public = getattr(module, name)
        if inspect.isfunction(public):
            yield name, public
        if inspect.isclass(public):
            for method in filter(_is_public, dir(public)):
                function = getattr(public, method)
                function = getattr(function, "__func__", function)
                if inspect.isfunction(function) and _is_ours(function):
                    yield f"{name}.{method}", function


def _is_public(name):
    return not name.startswith("_") or name == "__init__"


def _is_ours(function):
    return function.__module__.startswith("keras_twins.")


@pytest.mark.parametrize("part", PARTS)
def test_public_functions_are_annotated(part):
    functions = list(_functions(part))
    assert functions
    bare = []
    for name, function in functions:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        if "." in name:
            del parameters[0]
        bare += [f"{name}({p})" for p in parameters if p.annotation is p.empty]
        if signature.return_annotation is signature.empty:
            bare.append(f"{name} -> ?")
    assert not bare
