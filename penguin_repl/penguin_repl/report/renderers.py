"""Rendering of reports, and writing of those that go to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.handlers.report.report_file import write_report
from penguin_commands.results.report import (
    HTML,
    STANDARD_OUTPUT,
    BlueprintReportResult,
    ReportFileResult,
    ReportResult,
)
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_commands.results import Result
    from penguin_repl.render.parts import Part

RENDERERS = Renderers()


def write_requested_file(result: Result) -> Result:
    """Write a report to the file that the command names, if it names one, and return a result that says so.

    Raises WorkflowError.
    """
    if isinstance(result, ReportResult | BlueprintReportResult) and result.destination.file != STANDARD_OUTPUT:
        return write_report(result.destination, report_text(result))
    return result


def report_text(result: ReportResult | BlueprintReportResult) -> str:
    """Return a report in the format of its destination."""
    # Only the format that is asked for is loaded.
    if isinstance(result, BlueprintReportResult):
        if result.destination.format == HTML:
            from penguin_repl.report.blueprint_page import blueprint_page

            return blueprint_page(result.report)
        from penguin_repl.report.blueprint_markdown import blueprint_markdown

        return blueprint_markdown(result.report)
    if result.destination.format == HTML:
        from penguin_repl.report.page import workflow_page

        return workflow_page(result.report)
    from penguin_repl.report.markdown import workflow_markdown

    return workflow_markdown(result.report)


@RENDERERS.shows(ReportResult)
def _report(result: ReportResult) -> Iterator[Part]:
    yield report_text(result).removesuffix("\n")


@RENDERERS.shows(BlueprintReportResult)
def _blueprint_report(result: BlueprintReportResult) -> Iterator[Part]:
    yield report_text(result).removesuffix("\n")


@RENDERERS.shows(ReportFileResult)
def _report_file(result: ReportFileResult) -> Iterator[Part]:
    yield f"Wrote {clean(result.path)}"
