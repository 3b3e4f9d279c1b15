"""Tests of the engine, a module each."""
