"""What a collection of up to a billion files takes to embed: a table of arithmetic.

    python -m benchmarks.scale [--kilobytes=200] [--width=192] [--per_core=50]
                               [--per_gpu=2000] [--cores=512] [--gpus=16]

Nothing is measured here. Every figure follows from the arguments, which are yours to
change; `python -m benchmarks.embed_ray` measures files per second of one machine.
"""

import argparse

FILES = (10**6, 10**7, 10**8, 10**9)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kilobytes", type=float, default=200, help="of a file")
    parser.add_argument("--width", type=int, default=192, help="of an embedding")
    parser.add_argument("--per_core", type=float, default=50, help="files per second")
    parser.add_argument("--per_gpu", type=float, default=2000, help="files per second")
    parser.add_argument("--cores", type=int, default=512, help="of all machines")
    parser.add_argument("--gpus", type=int, default=16, help="of all machines")
    print("\n".join(table(**vars(parser.parse_args()))))


def table(kilobytes, width, per_core, per_gpu, cores, gpus):
    """Lines of the table in Markdown, below the assumptions.

    Examples:
        >>> from benchmarks.scale import table
        >>> table(200, 192, 50, 2000, 512, 16)[-1].split(" | ")[:6]
        ['| 1e+09', '200 TB', '768 GB', '5,556', '10.9 h', '5.12 GB/s']
    """
    lines = [
        f"{kilobytes:g} kB per file, {width} numbers of 4 bytes per embedding, "
        f"{per_core:g} files per second and core, {per_gpu:g} per second and GPU; "
        f"{cores} cores or {gpus} GPUs.",
        "",
        "| files | read | written "
        "| core hours | on the cores | from the store "
        "| GPU hours | on the GPUs | from the store |",
        "|" + "---|" * 9,
    ]
    for files in FILES:
        cells = [
            f"{files:.0e}",
            _size(files * kilobytes * 1e3),
            _size(files * width * 4),
        ]
        for rate, machines in ((per_core, cores), (per_gpu, gpus)):
            hours = files / rate / 3600
            cells += [
                f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}",
                _time(hours / machines),
                f"{_size(rate * machines * kilobytes * 1e3)}/s",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _size(size):
    """Bytes in words: "768 GB"."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def _time(hours):
    """A time in words: "10.9 h", "39 s"."""
    if hours >= 1:
        return f"{hours:.1f} h"
    minutes = hours * 60
    return f"{minutes:.1f} min" if minutes >= 1 else f"{minutes * 60:.0f} s"


if __name__ == "__main__":
    main()
