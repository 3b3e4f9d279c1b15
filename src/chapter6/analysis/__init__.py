"""From finished runs to verdicts: tidy tables, intervals and the checks that a claim may make."""
