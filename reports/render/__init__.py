"""From the documents of a study to the report a person reads.

`ablations.cli` calls `write_report`. Everything shown was computed before: what comes in is
`results.json`, `costs.json` and `provenance.json`, and no run, table or store is known here.
"""

from reports.render.files import DOCUMENTS, FORMATS, write_report
from reports.render.page import html
from reports.render.text import csv_files, markdown

__all__ = ["DOCUMENTS", "FORMATS", "csv_files", "html", "markdown", "write_report"]
