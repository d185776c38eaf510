"""One reading of a run: its findings do not contradict each other.

Each finding looks at a number of its own, and would alone ask for more epochs or fewer,
for a higher learning rate or a lower one. The reader changes one thing and trains
again. So one finding keeps its advice, the one that comes first:

1. a collapse: nothing else counts while it lasts;
2. kNN accuracy that falls: more epochs would make it worse;
3. a run that has not ended: its end is waited for;
4. kNN accuracy that still rises: more epochs, before anything else is changed;
5. kNN accuracy that stays: no more epochs, but other views or another encoder, where
   the training was not worth it or a warning is left;
6. without a course of kNN, the first warning, or else the first note.
"""

import dataclasses

from keras_twins.report.figures import Course

_UNFINISHED, _COLLAPSE, _KNN = "Unfinished", "Collapse", "kNN"
_WORTH, _INPUT = "Worth", "Input"

_OTHER_VIEWS = (
    "More epochs would change little: look at the views first (`keras-twins views`), "
    "and then try another learning rate."
)


def agree(findings, course):
    """The findings as one reading.

    Args:
        findings: list of `Finding`, each as its own number has it.
        course: `Course` of kNN accuracy.

    Returns:
        list of `Finding`, in their order. Of those about the training, one at most has
        advice. Where the embeddings have collapsed, nothing else is good.
    """
    collapsed = any(_is(f, _COLLAPSE, "warning") for f in findings)
    topic, advice = _next(findings, course, collapsed)
    found = []
    for finding in findings:
        if finding.topic != _INPUT:
            advised = advice if finding.topic == topic else ""
            worse = collapsed and finding.level == "good"
            level = "note" if worse else finding.level
            finding = dataclasses.replace(finding, advice=advised, level=level)
        found.append(finding)
    return found


def _next(findings, course, collapsed):
    """The topic that comes first, and what to try next; None and nothing without."""
    of = {finding.topic: finding for finding in findings}
    training = [f for f in findings if f.topic != _INPUT]
    warnings = [f for f in training if f.level == "warning"]
    if collapsed:
        first = of[_COLLAPSE]
    elif course is Course.FALLING:
        first = of[_KNN]
    elif _UNFINISHED in of:
        first = of[_UNFINISHED]
    elif course is Course.RISING:
        first = of[_KNN]
    elif course is Course.FLAT:
        return _when_flat(of, warnings)
    else:
        notes = [f for f in training if f.level == "note" and f.advice]
        first = next(iter([*warnings, *notes]), None)
    return (first.topic, first.advice) if first else (None, "")


def _when_flat(of, warnings):
    """What to try where more epochs would change little."""
    if _WORTH in of and of[_WORTH].advice:
        return _WORTH, of[_WORTH].advice
    if warnings:
        return warnings[0].topic, _OTHER_VIEWS
    # A narrow embedding is mended by other settings, not by more epochs.
    return (_COLLAPSE, of[_COLLAPSE].advice) if _COLLAPSE in of else (None, "")


def _is(finding, topic, level):
    return (finding.topic, finding.level) == (topic, level)
