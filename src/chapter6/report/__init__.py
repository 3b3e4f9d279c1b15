"""The report: plain views of the study in, one self-contained page out."""

from chapter6.report.page import render_page

__all__ = ["render_page"]
