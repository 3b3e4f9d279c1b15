"""Measuring tools: the engine beside its floor and the frameworks, and growth with the number of jobs.

Run with the tests on the path: ``PYTHONPATH=tests python -m bench`` and ``python -m bench.scale``.
"""
