"""Lets mkdocstrings find the packages that setuptools maps into `keras_twins`."""

import pathlib
import tomllib

import griffe

ROOT = pathlib.Path(__file__).parent.parent


class MappedPackages(griffe.Extension):
    """Puts the folders of `[tool.setuptools.package-dir]` where they are imported."""

    def on_package(self, *, pkg, loader, **_):
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        for name, folder in settings["tool"]["setuptools"]["package-dir"].items():
            parent, _, child = name.rpartition(".")
            if parent == pkg.path:
                pkg.set_member(child, loader.load(folder, try_relative_path=False))
