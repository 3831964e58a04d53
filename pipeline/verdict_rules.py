"""Verdict rules: the questions of a case as YAML files, read once, all errors at once.

One file is one question; the format is described in ``rules/verdict/README.md``.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import RuleError
from pipeline.rules_parse import RuleProblem
from pipeline.verdict_examples import try_questions
from pipeline.verdict_parse import Question, Requirement, Test, Text, parse_question

__all__ = ["Question", "Requirement", "Test", "Text", "check_verdict_rules", "load_verdict_rules"]


def load_verdict_rules(directory: Path) -> tuple[Question, ...]:
    """Read every question of a folder, ordered by id; their queries and examples are not run.

    Raises:
        RuleError: one line ``file:line: what`` for each error.
    """
    problems: list[RuleProblem] = []
    found = [parse_question(path, problems) for path in sorted(directory.glob("*.yaml"))]
    questions = [question for question in found if question is not None]
    if len({question.id for question in questions}) != len(questions):
        problems.append(RuleProblem(directory, 1, "two questions have the same id"))
    if not found:
        problems.append(RuleProblem(directory, 1, "there is no question; add one file per question"))
    if problems:
        raise RuleError("\n".join(str(problem) for problem in problems))
    return tuple(sorted(questions, key=lambda question: question.id))


def check_verdict_rules(directory: Path) -> list[str]:
    """Return the errors of a folder of questions as lines, queries and examples tried; empty where all is well."""
    try:
        questions = load_verdict_rules(directory)
    except RuleError as error:
        return str(error).splitlines()
    return [str(problem) for problem in try_questions(questions)]
